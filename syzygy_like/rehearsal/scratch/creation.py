"""How scratch databases are made, copied and dropped beside a real one."""

from __future__ import annotations

import abc
import contextlib
import copy
import re
import secrets
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from syzygy_like.rehearsal.scratch.accounts import (
    Account,
    MySQLAccount,
    PostgreSQLAccount,
)
from syzygy_like.rehearsal.scratch.errors import ScratchError
from syzygy_like.rehearsal.scratch.unreachable.base import Settings
from syzygy_like.rehearsal.scratch.unreachable.files import attaching_nothing

# OPTIONS that name another user than USER does.
LOGINS = ("user", "password", "passwd", "assume_role", "service", "passfile")
EXTENSION = re.compile(
    r"\s*(?:CREATE|ALTER|DROP)\s+EXTENSION\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    r"\"?([\w-]+)[^;]*;?\s*",
    re.IGNORECASE,
)
MAX_NAME = 63  # bytes: PostgreSQL's limit; MySQL's is 64 characters


class Maker(abc.ABC):
    """
    Makes databases on the server of an alias, with its engine.

    All of its methods raise what the backend raises. ``account`` is the user whose
    databases they are, None if it is that of the settings.
    """

    account: Account | None = None

    def __init__(self, connection: BaseDatabaseWrapper):
        self._connection = connection.copy()
        self.vendor = connection.vendor
        self.settings = self._connection.settings_dict
        # A pool belongs to an alias: it is connected to the real database.
        self.settings["OPTIONS"].pop("pool", None)

    def settings_for(self, name: str) -> Settings:
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
        """Drop a database if it is there, even if others are connected to it."""

    @abc.abstractmethod
    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        """Ask the server whether a connection is to that database."""

    def make(self, name: str) -> None:
        """Make an empty database, of a user with no other rights if there can be."""
        self.create(name)

    def drop_account(self) -> None:  # noqa: B027 - many make none
        """Drop the user that was made, if any."""

    def others(self, name: str) -> frozenset[str]:
        """Return the names of the server's other databases that SQL could name."""
        return frozenset()

    def carry_out(self, sql: str, name: str) -> bool:
        """Run a statement that the user made here may not; tell whether it is one."""
        return False


class SQLiteMaker(Maker):
    """Makes files, each in a folder of its own: SQLite adds some beside it."""

    def free_name(self) -> str:
        folder = Path(tempfile.gettempdir()).resolve() / super().free_name()
        return str(folder / "db.sqlite3")

    def _stem(self) -> str:
        return Path(self._connection.alias).name

    def settings_for(self, name: str) -> Settings:
        """
        Return settings that do not wait for the disk: what is lost is no loss.

        Their connections attach no files, with an "init_command" neither.
        """
        settings = super().settings_for(name)
        options = settings["OPTIONS"]
        commands = options.get("init_command", "")
        options["init_command"] = f"{commands};PRAGMA synchronous=OFF"
        options["factory"] = attaching_nothing(
            options.get("factory", sqlite3.Connection)
        )
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
    new_account: type[Account]

    def settings_for(self, name: str) -> Settings:
        """Return settings with the user that was made, if there is one."""
        settings = super().settings_for(name)
        if self.account:
            settings |= {"USER": self.account.name, "PASSWORD": self.account.password}
            for option in LOGINS:
                settings["OPTIONS"].pop(option, None)
        return settings

    def make(self, name: str) -> None:
        """
        Make an empty database.

        It is that of a user with no other rights, unless the one of the settings may
        make none, or such a user cannot log in (a pooler has a list of its own).
        """
        if self._create_account() and not self._made_for_account(name):
            self.drop(name)
            self.drop_account()
        if not self.account:
            self.create(name)

    def _create_account(self) -> bool:
        """Tell whether there is a user now whose databases they will be."""
        self.account = self.new_account()  # an interrupt may come at any time
        try:
            with self._cursor() as cursor:
                self.account.create(cursor)
        except Exception:
            with contextlib.suppress(Exception):  # there is none, in all likelihood
                self.drop_account()
            self.account = None
        return self.account is not None

    def _made_for_account(self, name: str) -> bool:
        try:
            self.create(name)
            with self.connected(self.settings_for(name)) as connection:
                return self.is_used_by(connection, name)
        except Exception:
            return False

    def drop_account(self) -> None:
        """Drop the user that was made, if any; nothing if that may not be."""
        if self.account:
            with self._cursor() as cursor:
                self.account.drop(cursor)
            self.account = None

    def create(self, name: str) -> None:
        # With the settings' TEST options: "CHARSET", "COLLATION", "TEMPLATE".
        suffix = self._connection.creation.sql_table_creation_suffix()
        self._create(name, suffix)

    def _create(self, name: str, suffix: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self._quoted(name)} {suffix}")
            if self.account:
                self.account.give(cursor, name)

    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {self.current_database}")
            (found,) = cursor.fetchone()
        # MySQL's lower_case_table_names holds for databases too.
        return str(found).lower() == name.lower()

    def _quoted(self, name: str) -> str:
        return self._connection.ops.quote_name(name)

    @contextlib.contextmanager
    def connected(self, settings: Settings) -> Iterator[BaseDatabaseWrapper]:
        """Return a connection with other settings, of no alias."""
        connection = type(self._connection)({**settings}, NO_DB_ALIAS)
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[CursorWrapper]:
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
    new_account = PostgreSQLAccount

    def copy(self, source: str, name: str) -> None:
        self._create(name, f"TEMPLATE {self._quoted(source)}")

    def drop(self, name: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self._quoted(name)} WITH (FORCE)")

    def carry_out(self, sql: str, name: str) -> bool:
        """
        Run what is done to an extension that superusers alone may install.

        It is the user of the settings who does, if that may be, and at once: the
        transaction of the other user has no say in it.
        """
        match = EXTENSION.fullmatch(sql)
        if not (match and self.account):
            return False
        with (
            self.connected({**self.settings, "NAME": name}) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT bool_and(superuser AND NOT trusted)"
                " FROM pg_available_extension_versions WHERE name = %s",
                [match[1]],
            )
            is_reserved = bool(cursor.fetchone()[0])
            if is_reserved:
                cursor.execute("SET lock_timeout = '10s'")  # not for ever, for itself
                cursor.execute(sql)
        return is_reserved


class MySQLMaker(ServerMaker):
    """For MySQL and MariaDB; copies are made by the clients, as in Django's tests."""

    current_database = "DATABASE()"
    new_account = MySQLAccount

    def copy(self, source: str, name: str) -> None:
        self.create(name)
        try:
            self._clone(source, name, self.settings_for(name))
        except CloneError:
            # mysqldump of MySQL may want the right to PROCESS.
            if not self.account:
                raise
            self._clone(source, name, self.settings)

    def _clone(self, source: str, name: str, user: Settings) -> None:
        with (
            self.connected({**user, "NAME": source}) as original,
            self.connected({**user, "NAME": name}) as target,
        ):
            creation: Any = original.creation
            creation.log = _fail  # what Django says before it exits
            creation._clone_db(source, name)
            # Django 5.2 does not look at how the clients ended.
            tables = [
                each.introspection.table_names(include_views=True)
                for each in (original, target)
            ]
        if tables[0] != tables[1]:
            raise CloneError(name)

    def others(self, name: str) -> frozenset[str]:
        """Return all that the user sees; what nobody can write to is not outside."""
        with self._cursor() as cursor:
            cursor.execute("SELECT schema_name FROM information_schema.schemata")
            found = {str(each).lower() for (each,) in cursor.fetchall()}
        return frozenset(found - {name.lower(), "information_schema"})

    def drop(self, name: str) -> None:
        # Who may not see the threads of others sees its own.
        for user in [self.settings_for(name)] if self.account else []:
            with (
                contextlib.suppress(Exception),
                self.connected({**user, "NAME": None}) as connection,
                connection.cursor() as cursor,
            ):
                self._end_sessions(cursor, name)
        with self._cursor() as cursor:
            self._end_sessions(cursor, name)
            cursor.execute(f"DROP DATABASE IF EXISTS {self._quoted(name)}")

    def _end_sessions(self, cursor: CursorWrapper, name: str) -> None:
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE db = %s", [name]
        )
        for (number,) in cursor.fetchall():
            with contextlib.suppress(Exception):  # it is gone already
                cursor.execute("KILL %s", [number])


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
    """Return what makes databases beside that of an alias. Raises ScratchError."""
    try:
        connection = connections[alias]
        if connection.vendor not in MAKERS:
            raise NotImplementedError(connection.settings_dict["ENGINE"])
        return MAKERS[connection.vendor](connection)
    except Exception as error:
        raise ScratchError(alias, str(error)) from error
