"""How scratch databases are made, copied and dropped beside a real one."""

from __future__ import annotations

import abc
import contextlib
import copy
import secrets
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

MAX_NAME = 63  # bytes: PostgreSQL's limit; MySQL's is 64 characters


class Maker(abc.ABC):
    """
    Makes databases on the server of an alias, with its engine.

    All of its methods raise what the backend raises.
    """

    def __init__(self, connection: BaseDatabaseWrapper):
        self._connection = connection.copy()
        self.settings: dict[str, Any] = self._connection.settings_dict
        # A pool belongs to an alias: it is connected to the real database.
        self.settings["OPTIONS"].pop("pool", None)

    def settings_for(self, name: str) -> dict[str, Any]:
        """Return settings to connect to one of the databases made here."""
        return {**copy.deepcopy(self.settings), "NAME": name}

    def free_name(self) -> str:
        """Return the name of a database that is still to be made."""
        suffix = f"_rehearsal_{secrets.token_hex(4)}"
        stem = f"test_{self._stem()}".encode()[: MAX_NAME - len(suffix)]
        return stem.decode(errors="ignore") + suffix

    def _stem(self) -> str:
        return str(self.settings["NAME"] or self._connection.alias)

    @abc.abstractmethod
    def create(self, name: str) -> None:
        """Make an empty database."""

    @abc.abstractmethod
    def copy(self, source: str, name: str) -> None:
        """Make a copy of one that nobody is connected to."""

    @abc.abstractmethod
    def drop(self, name: str) -> None:
        """Drop a database if it is there, whoever is connected to it."""

    @abc.abstractmethod
    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        """Ask the server whether a connection is to that database."""


class SQLiteMaker(Maker):
    """Makes files, each in a folder of its own: SQLite adds some beside it."""

    def free_name(self) -> str:
        folder = Path(tempfile.gettempdir()).resolve() / super().free_name()
        return str(folder / "db.sqlite3")

    def _stem(self) -> str:
        return Path(self._connection.alias).name

    def settings_for(self, name: str) -> dict[str, Any]:
        """Return settings that do not wait for the disk: what is lost is no loss."""
        settings = super().settings_for(name)
        commands = settings["OPTIONS"].get("init_command", "")
        settings["OPTIONS"]["init_command"] = f"{commands};PRAGMA synchronous=OFF"
        return settings

    def create(self, name: str) -> None:
        Path(name).parent.mkdir(mode=0o700)

    def copy(self, source: str, name: str) -> None:
        self.create(name)
        with (
            contextlib.closing(sqlite3.connect(source)) as original,
            contextlib.closing(sqlite3.connect(name)) as target,
        ):
            original.backup(target)

    def drop(self, name: str) -> None:
        folder = Path(name).parent
        if folder.exists():
            shutil.rmtree(folder)

    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA database_list")
            return name in [file for _, schema, file in cursor.fetchall()]


class ServerMaker(Maker):
    """Makes databases on a server."""

    current_database: str

    def create(self, name: str) -> None:
        # With the settings' TEST options: "CHARSET", "COLLATION", "TEMPLATE".
        suffix = self._connection.creation.sql_table_creation_suffix()
        with self._cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self._quoted(name)} {suffix}")

    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {self.current_database}")
            (found,) = cursor.fetchone()
        # MySQL's lower_case_table_names holds for databases too.
        return str(found).lower() == name.lower()

    def _quoted(self, name: str) -> str:
        return self._connection.ops.quote_name(name)

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        """Return a cursor on the server, as Django uses for its test databases."""
        connection = self._connection.copy()
        connection.settings_dict["AUTOCOMMIT"] = True
        with warnings.catch_warnings():
            # It says so where there is no database named postgres.
            warnings.simplefilter("ignore", RuntimeWarning)
            with connection._nodb_cursor() as cursor:
                yield cursor


class PostgreSQLMaker(ServerMaker):
    """
    See PostgreSQL's documentation, "CREATE DATABASE" and "DROP DATABASE".

    The strategy FILE_COPY saves a few milliseconds on a small database, but begins
    and ends with a checkpoint of the whole server.
    """

    current_database = "current_database()"

    def copy(self, source: str, name: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE {self._quoted(name)} TEMPLATE {self._quoted(source)}"
            )

    def drop(self, name: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self._quoted(name)} WITH (FORCE)")


class MySQLMaker(ServerMaker):
    """For MySQL and MariaDB; copies are made by the clients, as in Django's tests."""

    current_database = "DATABASE()"

    def copy(self, source: str, name: str) -> None:
        self.create(name)
        original, target = self._connected(source), self._connected(name)
        original.creation.log = _fail  # what Django says before it exits
        original.creation._clone_db(source, name)
        # Django 5.2 does not look at how the clients ended.
        tables = [
            each.introspection.table_names(include_views=True)
            for each in (original, target)
        ]
        original.close()
        target.close()
        if tables[0] != tables[1]:
            raise CloneError(name)

    def _connected(self, name: str) -> Any:
        connection = self._connection.copy()
        connection.settings_dict["NAME"] = name
        return connection

    def drop(self, name: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE db = %s", [name]
            )
            for (number,) in cursor.fetchall():
                with contextlib.suppress(Exception):  # it is gone already
                    cursor.execute("KILL %s", [number])
            cursor.execute(f"DROP DATABASE IF EXISTS {self._quoted(name)}")


class CloneError(Exception):
    """A database could not be copied; the argument is what its clients say."""


def _fail(message: str) -> NoReturn:
    raise CloneError(message)


MAKERS: dict[str, type[Maker]] = {
    "sqlite": SQLiteMaker,
    "postgresql": PostgreSQLMaker,
    "mysql": MySQLMaker,
}


def maker(alias: str) -> Maker:
    """
    Return what makes databases beside that of an alias.

    Raise NotImplementedError with the engine if nothing does.
    """
    connection = connections[alias]
    if connection.vendor not in MAKERS:
        raise NotImplementedError(connection.settings_dict["ENGINE"])
    return MAKERS[connection.vendor](connection)
