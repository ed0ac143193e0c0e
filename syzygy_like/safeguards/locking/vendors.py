"""Which lock a database has, by vendor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections

from syzygy_like import conf
from syzygy_like.safeguards.locking.lock import Lock
from syzygy_like.safeguards.locking.mysql import MySQLLock
from syzygy_like.safeguards.locking.postgresql import PostgreSQLLock

# The name that a database gives itself; an alias may call it otherwise, or a pooler.
# It is empty for one in memory, which no other process has.
NAMES = {
    "postgresql": "SELECT current_database()",
    "mysql": "SELECT DATABASE()",
    "sqlite": "SELECT file FROM pragma_database_list WHERE name = 'main'",
}


def lock_for(alias: str) -> Lock | None:
    """
    Return the lock of a database, not yet taken.

    None if it needs none, being in memory, or if a vendor's locks are not known.
    """
    migrated = connections[alias]
    keeper = connections[conf.lock_alias(alias)]
    name, make = database_name(migrated), MAKERS.get(keeper.vendor)
    if not name or make is None:
        return None
    return make(migrated, keeper, name)


def database_name(connection: Any) -> str:
    """Return the name that a database gives itself, "" if it has none of use here."""
    query = NAMES.get(connection.vendor)
    if query is None:
        return ""
    with connection.cursor() as cursor:
        cursor.execute(query)
        (name,) = cursor.fetchone()
    return name or ""


def _postgresql(migrated: Any, keeper: Any, name: str) -> Lock:
    is_another = keeper is migrated and not migrated.in_atomic_block
    return PostgreSQLLock(keeper, name, migrated if is_another else None)


def _mysql(migrated: Any, keeper: Any, name: str) -> Lock:
    return MySQLLock(keeper, name)


def _sqlite(migrated: Any, keeper: Any, name: str) -> Lock | None:
    from syzygy_like.safeguards.locking.sqlite import (
        SQLiteLock,  # Python may lack sqlite3
    )

    path = database_name(keeper)
    return SQLiteLock(keeper, path) if path else None


MAKERS: dict[str, Callable[[Any, Any, str], Lock | None]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
