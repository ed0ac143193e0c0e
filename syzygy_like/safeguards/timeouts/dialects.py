"""The parameters of a session that limit its statements, by database."""

from __future__ import annotations

import abc
import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.poolers import is_pooled

Values = Mapping[str, float]


class Dialect(abc.ABC):
    """
    Reads and sets the parameters of a session, without Django's cursor wrappers.

    ``is_transactional`` tells whether the end of a transaction undoes what was set
    for it.
    """

    is_transactional = False

    def __init__(self, connection: BaseDatabaseWrapper):
        self.connection = connection

    def waits(self, seconds: float) -> float:
        """Return how many seconds a statement waits for a lock with this limit."""
        return seconds

    @abc.abstractmethod
    def lock(self, seconds: float) -> Values:
        """Return the parameters that limit how long a statement waits for a lock."""

    @abc.abstractmethod
    def statement(self, seconds: float) -> Values:
        """Return the parameters that limit how long a statement takes."""

    @abc.abstractmethod
    def read(self, names: Iterable[str]) -> Values:
        """Return the present values of parameters."""

    @abc.abstractmethod
    def session(self) -> int:
        """Return the number that the server gives the session."""

    def is_pooled(self) -> bool:
        """Return whether a pooler may lose what is set for the session."""
        return False

    @contextlib.contextmanager
    def cursor(self) -> Iterator[Any]:
        """Return a cursor of the driver; its errors are Django's."""
        raw = self.connection.connection
        with self.connection.wrap_database_errors, raw.cursor() as cursor:
            yield cursor

    def set(self, values: Values, local: bool = False) -> None:
        """Set parameters, ``local`` for the transaction only."""
        quote = self.connection.ops.quote_name
        scope = "LOCAL" if local else "SESSION"
        with self.cursor() as cursor:
            for name, value in values.items():
                cursor.execute(f"SET {scope} {quote(name)} = {value}")


class PostgreSQL(Dialect):
    """PostgreSQL, "Client Connection Defaults", "Statement Behavior": milliseconds."""

    is_transactional = True

    def lock(self, seconds: float) -> Values:
        return {"lock_timeout": math.ceil(seconds * 1000)}

    def statement(self, seconds: float) -> Values:
        return {"statement_timeout": math.ceil(seconds * 1000)}

    def read(self, names: Iterable[str]) -> Values:
        sql = "SELECT name, setting::bigint FROM pg_settings WHERE name = ANY(%s)"
        with self.cursor() as cursor:
            cursor.execute(sql, [list(names)])
            return dict(cursor.fetchall())

    def session(self) -> int:
        # Not the driver's number: behind a pooler that is the pooler's.
        with self.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    def is_pooled(self) -> bool:
        return is_pooled(self.connection)


class MySQL(Dialect):
    """
    MySQL and MariaDB, "Server System Variables".

    Both wait whole seconds for metadata and for rows, and at least one. MySQL limits
    SELECT statements only.
    """

    def waits(self, seconds: float) -> float:
        return max(1, math.ceil(seconds))

    def lock(self, seconds: float) -> Values:
        whole = self.waits(seconds)
        return {"lock_wait_timeout": whole, "innodb_lock_wait_timeout": whole}

    def statement(self, seconds: float) -> Values:
        if getattr(self.connection, "mysql_is_mariadb", False):
            return {"max_statement_time": seconds}
        return {"max_execution_time": math.ceil(seconds * 1000)}

    def read(self, names: Iterable[str]) -> Values:
        names = list(names)
        quote = self.connection.ops.quote_name
        with self.cursor() as cursor:
            cursor.execute(
                "SELECT " + ", ".join(f"@@SESSION.{quote(name)}" for name in names)
            )
            return dict(zip(names, cursor.fetchone(), strict=True))

    def session(self) -> int:
        return int(self.connection.connection.thread_id())


# By Django's name for the vendor.
DIALECTS: Mapping[str, type[Dialect]] = {"postgresql": PostgreSQL, "mysql": MySQL}


def dialect(connection: BaseDatabaseWrapper) -> Dialect | None:
    """Return the dialect of a connection, None if its database has no limits."""
    found = DIALECTS.get(connection.vendor)
    return found(connection) if found else None
