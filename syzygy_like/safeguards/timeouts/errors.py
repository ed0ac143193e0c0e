"""Why statements are cut off, the errors and events about that."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.timeouts.blockers import Blocker


@dataclasses.dataclass(frozen=True)
class Retry:
    """
    An event: a migration could not get a lock; it is tried again in ``delay`` seconds.

    It is retry ``number`` of ``retries``. ``is_deadlock`` tells whether the migration
    was in a deadlock; otherwise it has waited too long.
    """

    name: str
    number: int
    retries: int
    delay: float
    statement: str
    blockers: tuple[Blocker, ...]
    is_deadlock: bool = False


@dataclasses.dataclass(frozen=True)
class Unlimited:
    """An event: a statement without limits, in no transaction and behind a pooler."""

    alias: str
    statement: str


@dataclasses.dataclass(eq=False)
class LimitError(Exception):
    """
    A migration has reached a limit.

    ``name`` is the migration's, ``limit`` is in seconds, ``statement`` is the SQL or ""
    if it is not known. ``is_safe`` tells whether the migration could start over.
    """

    name: str
    limit: float | None
    statement: str
    is_safe: bool


@dataclasses.dataclass(eq=False)
class LockTimeoutError(LimitError):
    """
    A migration could not get a lock in ``tries`` tries, within ``seconds`` in all.

    ``is_deadlock`` tells whether the last try ended in a deadlock.
    """

    tries: int = 1
    seconds: float = 0.0
    vendor: str = ""
    blockers: tuple[Blocker, ...] = ()
    is_deadlock: bool = False


class StatementTimeoutError(LimitError):
    """A statement took too long."""


@dataclasses.dataclass(eq=False)
class NoLimitsError(Exception):
    """A database has no such limits; ``vendor`` is Django's name for its kind."""

    alias: str
    vendor: str


class Failure(enum.Enum):
    """Why a statement was cut off."""

    LOCK = enum.auto()
    DEADLOCK = enum.auto()
    STATEMENT = enum.auto()


# PostgreSQL, "Error Codes"; MySQL and MariaDB, "Server Error Reference".
CODES: dict[str | int | None, Failure] = {
    "55P03": Failure.LOCK,  # lock_not_available
    "40P01": Failure.DEADLOCK,  # deadlock_detected
    1205: Failure.LOCK,  # ER_LOCK_WAIT_TIMEOUT
    1213: Failure.DEADLOCK,  # ER_LOCK_DEADLOCK
    "57014": Failure.STATEMENT,  # query_canceled
    1969: Failure.STATEMENT,  # MariaDB's ER_STATEMENT_TIMEOUT
    3024: Failure.STATEMENT,  # MySQL's ER_QUERY_TIMEOUT
}


def failure(error: BaseException, connection: BaseDatabaseWrapper) -> Failure | None:
    """
    Return what an error of a migration means, None if no limit caused it.

    The error may have been raised from the database's error.
    """
    codes = (code(each, connection) for each in causes(error))
    return next((CODES[each] for each in codes if each in CODES), None)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and the errors that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def code(error: BaseException, connection: BaseDatabaseWrapper) -> str | int | None:
    """Return the SQLSTATE of an error, or MySQL's number for it, or None."""
    driver = connection.Database  # type: ignore[attr-defined]
    if not isinstance(error, (DatabaseError, driver.Error)):
        return None
    # psycopg 3, psycopg 2, drivers of MySQL.
    for name in ("sqlstate", "pgcode"):
        if found := getattr(error, name, None):
            return str(found)
    number = error.args[0] if error.args else None
    return number if isinstance(number, int) else None
