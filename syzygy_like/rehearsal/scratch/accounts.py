"""Users of a server for the time of a rehearsal, with rights on what they are given."""

from __future__ import annotations

import abc
import contextlib
import datetime
import secrets

from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper

# A user that is left behind can log in no longer than that.
LIFE = datetime.timedelta(days=1)


class Account(abc.ABC):
    """
    A user with a name and a password of its own.

    The methods take a cursor of the user of the settings, and raise what the backend
    raises.
    """

    # What was denied for want of rights (see ``denies``).
    denied: tuple[object, ...]

    def __init__(self) -> None:
        self.name = f"syzygy_rehearsal_{secrets.token_hex(4)}"  # MySQL takes 32
        self.password = f"{secrets.token_urlsafe(24)}-aA1"  # policies want all kinds

    @abc.abstractmethod
    def create(self, cursor: CursorWrapper) -> None:
        """Make the user, without any rights."""

    @abc.abstractmethod
    def give(self, cursor: CursorWrapper, database: str) -> None:
        """Let the user do everything in a database."""

    @abc.abstractmethod
    def drop(self, cursor: CursorWrapper) -> None:
        """Drop the user, who owns nothing any longer."""

    @abc.abstractmethod
    def denies(self, error: BaseException) -> bool:
        """Tell whether an error says that the user lacks a right."""


class PostgreSQLAccount(Account):
    """
    A role that owns its databases, and is no superuser.

    Who makes it is a member of it, to be allowed to drop what it owns. Row level
    security is no matter for it if it is none for the user of the settings.
    """

    denied = ("42501",)  # insufficient_privilege

    def create(self, cursor: CursorWrapper) -> None:
        quote = cursor.db.ops.quote_name
        value = cursor.db.schema_editor().quote_value
        cursor.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        (is_free,) = cursor.fetchone()
        until = datetime.datetime.now(datetime.timezone.utc) + LIFE
        cursor.execute(
            f"CREATE ROLE {quote(self.name)} LOGIN PASSWORD {value(self.password)}"
            f" VALID UNTIL {value(until.isoformat())}{' BYPASSRLS' if is_free else ''}"
        )
        cursor.execute(f"GRANT {quote(self.name)} TO CURRENT_USER")

    def give(self, cursor: CursorWrapper, database: str) -> None:
        quote = cursor.db.ops.quote_name
        cursor.execute(f"ALTER DATABASE {quote(database)} OWNER TO {quote(self.name)}")

    def drop(self, cursor: CursorWrapper) -> None:
        cursor.execute(f"DROP ROLE IF EXISTS {cursor.db.ops.quote_name(self.name)}")

    def denies(self, error: BaseException) -> bool:
        cause = error.__cause__
        code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        return code in self.denied


class MySQLAccount(Account):
    """
    A user of MySQL or MariaDB, from any host, with all rights on its databases.

    With a binary log that trusts no functions nobody makes a trigger without SUPER
    ("Stored Program Binary Logging"), which gives no right on any table.
    """

    # "Server Error Message Reference": access denied, to a database, a table, a
    # column, a routine, for want of a global right, or for want of GRANT OPTION.
    denied = (1044, 1142, 1143, 1227, 1370, 1410)

    def create(self, cursor: CursorWrapper) -> None:
        password = cursor.db.schema_editor().quote_value(self.password)
        cursor.execute(
            f"CREATE USER {self._user(cursor)} IDENTIFIED BY {password}"
            f" PASSWORD EXPIRE INTERVAL {LIFE.days} DAY"
        )
        cursor.execute("SELECT @@log_bin AND NOT @@log_bin_trust_function_creators")
        if cursor.fetchone()[0]:
            with contextlib.suppress(DatabaseError):  # who makes it has no SUPER
                cursor.execute(f"GRANT SUPER ON *.* TO {self._user(cursor)}")

    def give(self, cursor: CursorWrapper, database: str) -> None:
        # A name there is a pattern ("GRANT Statement").
        pattern = cursor.db.ops.quote_name(
            database.replace("_", r"\_").replace("%", r"\%")
        )
        cursor.execute(f"GRANT ALL PRIVILEGES ON {pattern}.* TO {self._user(cursor)}")

    def drop(self, cursor: CursorWrapper) -> None:
        cursor.execute(f"DROP USER IF EXISTS {self._user(cursor)}")

    def denies(self, error: BaseException) -> bool:
        return bool(error.args) and error.args[0] in self.denied

    def _user(self, cursor: CursorWrapper) -> str:
        return f"{cursor.db.schema_editor().quote_value(self.name)}@'%'"
