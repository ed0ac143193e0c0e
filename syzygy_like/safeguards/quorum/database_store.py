"""Meetings in a table of the database that is migrated."""

from __future__ import annotations

import contextlib
import functools
import random
import secrets
import time
from collections.abc import Iterator
from typing import Any

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
from syzygy_like.safeguards.quorum.meeting import Meetings, dumps, loads
from syzygy_like.safeguards.quorum.store import Step

TABLE = "syzygy_like_quorum"
# The only row that there is.
KEY = 1
# How often to try to make the table, for others may be at it.
TRIES = 3
# How long to wait at most before a change that came too late is tried again, seconds.
PAUSE = 0.02
# SQLite lets one connection write at a time, and what has read before it writes is not
# even let wait: beats would make migrations fail. So the table is in a file beside it.
SUFFIX = "-migration-quorum"
# What SQLite says of a file, or the folder of its journal, that will not do later.
UNFIT = ("unable to open", "readonly")


@functools.cache
def row_class() -> Any:
    """Return the model of the table, which is in no app: nobody migrates it."""

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


class Table:
    """
    Keeps meetings in a row whose version is compared when it is changed.

    It has a connection of its own, and each statement is a transaction: it works
    through a pooler, and whatever becomes of the migrations' connection.
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

    def another(self) -> Table:
        """Return the same store, for another thread."""
        other: Table = object.__new__(type(self))
        other.place, other._is_there = self.place, self._is_there
        other.connection = self.connection.copy()
        return other

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Error):
            self.connection.close()

    def change(self, step: Step) -> Meetings:
        """Change the meetings; see ``Store``."""
        with self._translating():
            self._make()
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
        """Write the row if it still has a version; tell whether it had."""
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

    def _execute(self, sql: str, *params: Any) -> bool:
        """Execute a statement; tell whether there was a row for it."""
        with self.connection.cursor() as cursor:
            cursor.execute(self._sql(sql), params)
            return bool(cursor.rowcount)

    def _sql(self, sql: str) -> str:
        quote = self.connection.ops.quote_name
        names = {each: quote(each) for each in ("id", "version", "text")}
        return sql.format(table=quote(TABLE), **names)

    def _make(self) -> None:
        """
        Make the table if it is not there.

        Where two do that at once, what one of them gets is any error: in PostgreSQL
        that the name of a type is taken.
        """
        for left in reversed(range(TRIES)):
            if self._is_there or self._look():
                self._is_there = True
                return
            try:
                # One statement, so no transaction is needed; Django would begin it on
                # the connection of the migrations.
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
