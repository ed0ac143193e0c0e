"""How scratch databases are made on a server, and whose they are."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

from syzygy_like.rehearsal.scratch.accounts import (
    Account,
    MySQLAccount,
    PostgreSQLAccount,
)
from syzygy_like.rehearsal.scratch.creation.base import Maker

# OPTIONS that name another user than USER does.
LOGINS = ("user", "password", "passwd", "assume_role", "service", "passfile")
EXTENSION = re.compile(
    r"\s*(?:CREATE|ALTER|DROP)\s+EXTENSION\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    r"\"?([\w-]+)[^;]*;?\s*",
    re.IGNORECASE,
)


class ServerMaker(Maker):
    """Makes databases on a server."""

    current_database: str
    new_account: type[Account]

    def settings_for(self, name: str) -> dict[str, Any]:
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
        if self._hire() and not self._made_for_account(name):
            self.drop(name)
            self.dismiss()
        if not self.account:
            self.create(name)

    def _hire(self) -> bool:
        """Tell whether there is a user now whose databases they will be."""
        self.account = self.new_account()  # an interrupt may come at any time
        try:
            with self._cursor() as cursor:
                self.account.create(cursor)
        except Exception:
            with contextlib.suppress(Exception):  # there is none, in all likelihood
                self.dismiss()
            self.account = None
        return self.account is not None

    def _made_for_account(self, name: str) -> bool:
        try:
            self.create(name)
            with self.connected(self.settings_for(name)) as connection:
                return self.is_used_by(connection, name)
        except Exception:
            return False

    def dismiss(self) -> None:
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
    def connected(self, settings: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
        """Return a connection with other settings, of no alias."""
        connection = type(self._connection)({**settings}, NO_DB_ALIAS)
        try:
            yield connection
        finally:
            connection.close()

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

    def _clone(self, source: str, name: str, user: dict[str, Any]) -> None:
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

    def _end_sessions(self, cursor: Any, name: str) -> None:
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
