"""What errors of databases mean, by their codes."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError


class Failure(enum.Enum):
    """Why a statement was cut off."""

    LOCK = enum.auto()
    DEADLOCK = enum.auto()
    STATEMENT = enum.auto()


# PostgreSQL, "Error Codes"; MySQL and MariaDB, "Server Error Reference".
CODES = {
    "55P03": Failure.LOCK,  # lock_not_available
    "40P01": Failure.DEADLOCK,  # deadlock_detected
    1205: Failure.LOCK,  # ER_LOCK_WAIT_TIMEOUT
    1213: Failure.DEADLOCK,  # ER_LOCK_DEADLOCK
    "57014": Failure.STATEMENT,  # query_canceled
    1969: Failure.STATEMENT,  # MariaDB's ER_STATEMENT_TIMEOUT
    3024: Failure.STATEMENT,  # MySQL's ER_QUERY_TIMEOUT
}


def failure(error: BaseException, connection: Any) -> Failure | None:
    """
    Return what an error of a migration means, None if it has nothing to do with limits.

    The error may have been raised from the database's one.
    """
    codes = (code(each, connection) for each in causes(error))
    return next((CODES[each] for each in codes if each in CODES), None)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def code(error: BaseException, connection: Any) -> Any:
    """Return the SQLSTATE of an error, the number that MySQL has for it, or None."""
    if not isinstance(error, (DatabaseError, connection.Database.Error)):
        return None
    # psycopg 3, psycopg 2, drivers of MySQL.
    for name in ("sqlstate", "pgcode"):
        if found := getattr(error, name, None):
            return found
    number = error.args[0] if error.args else None
    return number if isinstance(number, int) else None
