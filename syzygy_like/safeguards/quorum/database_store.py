"""Meetings in a table of the database that is migrated."""

from __future__ import annotations

import contextlib
import functools
import random
import secrets
import time
from collections.abc import Iterator

from django.apps.registry import Apps
from django.db import (
    DatabaseError,
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    models,
)

from syzygy_like.safeguards.connections import ask, own_connection
from syzygy_like.safeguards.locking.vendors import database_name
from syzygy_like.safeguards.quorum.errors import (
    MeetingPlaceError,
    Place,
    UnreachableError,
)
from syzygy_like.safeguards.quorum.meeting import Meetings, Transition, dumps, loads

TABLE = "syzygy_like_quorum"
# The only row that there is.
KEY = 1
# How often to try to create the table: other parties may do so at the same time.
TRIES = 3
# How long to wait at most, in seconds, before a change that came too late is repeated.
PAUSE = 0.02
# SQLite lets one connection write at a time, and a transaction that has read before it
# writes fails at once: heartbeats would break migrations. So the table is in a file
# beside the database.
SUFFIX = "-migration-quorum"
# SQLite's errors about a file, or the folder of its journal, that waiting cannot fix.
UNFIT = ("unable to open", "readonly")


@functools.cache
def row_class() -> type[models.Model]:
    """Return the model of the table. It is in no app, so no migration creates it."""

    class Row(models.Model):
        id = models.IntegerField(primary_key=True)
        version = models.CharField(max_length=32)
        text = models.TextField()

        class Meta:
            apps = Apps()
            app_label = "syzygy_like"
            db_table = TABLE

        def __str__(self) -> str:
            return self.version

    return Row


class DatabaseStore:
    """
    Keeps meetings in one row of a table; a change compares the row's version.

    It has a connection of its own, and each statement is a transaction. So it works
    through a pooler, and does not depend on the migrations' connection.
    """

    def __init__(self, alias: str):
        self.place = Place(alias)
        with self._translating():
            self.connection = own_connection(connections[alias])
            if self.connection.vendor == "sqlite":
                path = database_name(connections[alias])
                self.place = Place(alias, path=f"{path}{SUFFIX}" if path else "")
                name = self.place.path or ":memory:"
                self.connection.settings_dict["NAME"] = name
        self._is_there = False

    def another(self) -> DatabaseStore:
        """Return the same store, for another thread."""
        other: DatabaseStore = object.__new__(type(self))
        other.place, other._is_there = self.place, self._is_there
        other.connection = self.connection.copy()
        return other

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Error):
            self.connection.close()

    def change(self, step: Transition) -> Meetings:
        """Change the meetings; see ``Store``."""
        with self._translating():
            self._create()
            while True:
                version, before = self._read()
                after = step(before)
                if after == before or self._write(version, after):
                    return after
                time.sleep(random.uniform(0, PAUSE))  # noqa: S311 - no secret

    def _read(self) -> tuple[str, Meetings]:
        """Return the version of the row, "" if there is none, and what it says."""
        row = ask(self.connection, self._sql("SELECT {version}, {text} FROM {table}"))
        return (row[0], loads(row[1])) if row else ("", Meetings())

    def _write(self, version: str, meetings: Meetings) -> bool:
        """Write the row if it still has this version; return whether it had."""
        if not version:
            return self._insert(meetings)
        if not meetings.meetings:
            return self._execute("DELETE FROM {table} WHERE {version} = %s", version)
        sql = "UPDATE {table} SET {version} = %s, {text} = %s WHERE {version} = %s"
        return self._execute(sql, secrets.token_hex(16), dumps(meetings), version)

    def _insert(self, meetings: Meetings) -> bool:
        sql = "INSERT INTO {table} ({id}, {version}, {text}) VALUES (%s, %s, %s)"
        try:
            return self._execute(sql, KEY, secrets.token_hex(16), dumps(meetings))
        except IntegrityError:
            return False

    def _execute(self, sql: str, *params: int | str) -> bool:
        """Execute a statement; return whether it has changed a row."""
        with self.connection.cursor() as cursor:
            cursor.execute(self._sql(sql), params)
            return bool(cursor.rowcount)

    def _sql(self, sql: str) -> str:
        quote = self.connection.ops.quote_name
        names = {each: quote(each) for each in ("id", "version", "text")}
        return sql.format(table=quote(TABLE), **names)

    def _create(self) -> None:
        """
        Create the table if it is not there.

        Where two parties do that at once, one of them gets some error: from PostgreSQL,
        that the name of a type is taken.
        """
        for left in reversed(range(TRIES)):
            if self._is_there or self._look():
                self._is_there = True
                return
            try:
                # One statement needs no transaction; Django would begin it on the
                # connection of the migrations.
                with self.connection.schema_editor(atomic=False) as editor:
                    editor.create_model(row_class())
            except DatabaseError:
                if not left and not self._look():
                    raise

    def _look(self) -> bool:
        with self.connection.cursor() as cursor:
            return TABLE in self.connection.introspection.table_names(cursor)

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (InterfaceError, OperationalError) as error:
            self.close()
            if self.place.path and any(each in str(error) for each in UNFIT):
                raise MeetingPlaceError(self.place, error) from error
            raise UnreachableError(self.place, error) from error
        except (Error, ValueError) as error:
            raise MeetingPlaceError(self.place, error) from error
