"""Which lock a database has, by vendor."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like import conf
from syzygy_like.safeguards.locking.lock import Lock
from syzygy_like.safeguards.locking.mysql import MySQLLock
from syzygy_like.safeguards.locking.postgresql import PostgreSQLLock

# The name that a database gives itself; an alias or a pooler may use another one. It is
# empty for a database in memory, which no other process can use.
NAMES = {
    "postgresql": "SELECT current_database()",
    "mysql": "SELECT DATABASE()",
    "sqlite": "SELECT file FROM pragma_database_list WHERE name = 'main'",
}


def lock_for(alias: str) -> Lock | None:
    """
    Return the lock of a database, not yet taken.

    Return None if it needs no lock because it is in memory, or if this package has no
    lock for its vendor.
    """
    migrated = connections[alias]
    keeper = connections[conf.lock_alias(alias)]
    name, make = database_name(migrated), MAKERS.get(keeper.vendor)
    if not name or make is None:
        return None
    return make(migrated, keeper, name)


def database_name(connection: BaseDatabaseWrapper) -> str:
    """Return the name that a database gives itself, "" if it has none."""
    query = NAMES.get(connection.vendor)
    if query is None:
        return ""
    with connection.cursor() as cursor:
        cursor.execute(query)
        (name,) = cursor.fetchone()
    return name or ""


def _postgresql(
    migrated: BaseDatabaseWrapper, keeper: BaseDatabaseWrapper, name: str
) -> Lock:
    is_another = keeper is migrated and not migrated.in_atomic_block
    return PostgreSQLLock(keeper, name, migrated if is_another else None)


def _mysql(
    migrated: BaseDatabaseWrapper, keeper: BaseDatabaseWrapper, name: str
) -> Lock:
    return MySQLLock(keeper, name)


def _sqlite(
    migrated: BaseDatabaseWrapper, keeper: BaseDatabaseWrapper, name: str
) -> Lock | None:
    # Imported here: Python may lack sqlite3.
    from syzygy_like.safeguards.locking.sqlite import SQLiteLock

    path = database_name(keeper)
    return SQLiteLock(keeper, path) if path else None


MAKERS: dict[
    str, Callable[[BaseDatabaseWrapper, BaseDatabaseWrapper, str], Lock | None]
] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "sqlite": _sqlite,
}
