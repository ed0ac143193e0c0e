"""What a lock is, who holds it, and what can go wrong with it."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Protocol

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.connections import Row, ask, own_connection

# What tells a lock from others: where it is kept, and the name of the database.
Identity = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Holder:
    """
    The session that holds a lock.

    ``vendor`` is Django's name for the server's kind, ``pid`` the number that the
    server gives the session. PostgreSQL also tells its ``application`` name, and for
    how many seconds it has been ``connected``. On SQLite only ``path`` is known, the
    file that the process has locked.
    """

    vendor: str
    pid: int | None = None
    application: str = ""
    connected: float | None = None
    path: str = ""


@dataclasses.dataclass(eq=False)
class LockWaitError(Exception):
    """
    Another run still holds the lock after ``wait`` seconds.

    ``holder`` is who holds it, None if that is not known.
    """

    alias: str
    wait: float
    holder: Holder | None


@dataclasses.dataclass(eq=False)
class LostLockError(Exception):
    """This run no longer holds the lock; ``reason`` is the server's error, if any."""

    alias: str
    reason: str = ""


@dataclasses.dataclass(eq=False)
class PooledError(Exception):
    """Statements of one connection go to several sessions, so none keeps a lock."""

    alias: str


@dataclasses.dataclass(eq=False)
class LockFileError(Exception):
    """The file that is the lock of an SQLite database cannot be used."""

    path: str
    reason: str


@dataclasses.dataclass(eq=False)
class LockUnreachableError(Exception):
    """The database whose server keeps the lock does not answer."""

    alias: str
    error: Exception


@dataclasses.dataclass(frozen=True)
class Unlocked:
    """An event: a run continues without the lock, because of ``error``."""

    alias: str
    error: Exception


class Lock(Protocol):
    """A lock that ends with the process that holds it, however that ends."""

    identity: Identity

    def acquire(self) -> bool:
        """Try to take it, without waiting. Return whether that was possible."""

    def is_held(self) -> bool:
        """Return whether it is held. Raises an Error of Django's, too, if it is not."""

    def holder(self) -> Holder | None:
        """Return who holds it, None if that is not known."""

    def close(self) -> None:
        """Release it if it is held."""


def identity(keeper: BaseDatabaseWrapper, name: str) -> Identity:
    """Return what tells a lock from others that a connection's server keeps."""
    settings = keeper.settings_dict
    where = (str(settings.get(key)) for key in ("ENGINE", "HOST", "PORT", "NAME"))
    return (*where, name)


class ServerLock:
    """
    A lock that the server of ``keeper`` keeps for a session.

    The session is a connection that does nothing else; the lock ends with it.
    """

    # The statement that releases it, with the lock's ``params``.
    release_sql = ""
    params: Row = ()

    def __init__(self, keeper: BaseDatabaseWrapper, name: str):
        self.identity = identity(keeper, name)
        self.connection = own_connection(keeper)

    def ask(self, sql: str) -> Row | None:
        """Return the first row of a query about the lock, None if there is none."""
        return ask(self.connection, sql, self.params)

    def ask_value(self, sql: str) -> object:
        """Return the only value of a query about the lock."""
        row = self.ask(sql)
        return row[0] if row else None

    def close(self) -> None:
        """Release the lock, and end its session."""
        if self.connection.connection is None:
            return
        # A session that the server has ended holds no lock any more.
        with contextlib.suppress(Error):
            self.ask(self.release_sql)
        with contextlib.suppress(Error):
            self.connection.close()


class Hold:
    """The lock of the database of an alias, held; or none, where none is needed."""

    def __init__(self, alias: str = "", lock: Lock | None = None):
        self.alias = alias
        self.lock = lock

    def check(self) -> None:
        """
        Raise LostLockError if the lock is no longer held.

        Its connection was cut, or the server restarted: another run may have started.
        """
        try:
            is_held = self.lock is None or self.lock.is_held()
        except Error as error:
            raise LostLockError(self.alias, str(error).strip()) from error
        if not is_held:
            raise LostLockError(self.alias)
