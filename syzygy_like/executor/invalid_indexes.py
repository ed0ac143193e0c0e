"""
Indexes that a concurrent build has left behind.

PostgreSQL leaves an invalid index where such a build is cut off ("Building Indexes
Concurrently"). An index is also invalid while it is being built, maybe by the server
process of a client that is gone.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from syzygy_like.executor.rerun import Execute, ExecuteContext

BUILD = re.compile(r"\s*create\s+(unique\s+)?index\s+concurrently\b", re.IGNORECASE)
NAME = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')
# How long to wait between two looks at a build, in seconds.
PAUSE = 0.2

INVALID = """
    SELECT index.oid, namespace.nspname, index.relname, pg_index.indrelid
    FROM pg_index
    JOIN pg_class AS index ON index.oid = pg_index.indexrelid
    JOIN pg_namespace AS namespace ON namespace.oid = index.relnamespace
    WHERE NOT pg_index.indisvalid AND index.relkind = 'i'
        AND index.relname = ANY(%s) AND namespace.nspname <> 'pg_toast'
"""
# A backend that builds or drops an index concurrently holds this lock on the table.
BUILDERS = """
    SELECT pid FROM pg_locks
    WHERE relation = %s AND mode = 'ShareUpdateExclusiveLock' AND granted
        AND pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclasses.dataclass(frozen=True)
class IndexBeingBuilt:
    """An index is being built, by a backend of a process number."""

    name: str
    pid: int


@dataclasses.dataclass(frozen=True)
class IndexRebuilt:
    """An invalid index is dropped, and built again."""

    name: str


class InvalidIndexes:
    """Executes statements; before one builds an index, drops an invalid one."""

    def __init__(self, tell: Callable[[object], None]):
        self.tell = tell

    def __call__(
        self,
        execute: Execute,
        sql: str,
        params: object,
        many: bool,
        context: ExecuteContext,
    ) -> object:
        connection = context["connection"]
        is_build = isinstance(sql, str) and BUILD.match(sql)
        if is_build and connection.vendor == "postgresql":
            self.drop(connection, names_in(sql))
        return execute(sql, params, many, context)

    def drop(self, connection: BaseDatabaseWrapper, names: list[str]) -> None:
        """Drop the indexes of these names that are neither valid nor being built."""
        waited = set()
        with connection.cursor() as cursor:
            while left := self._invalid(cursor, names):
                oid, schema, name, table = left[0]
                cursor.execute(BUILDERS, [table])
                builder = cursor.fetchone()
                if builder is None:
                    self._drop(connection, cursor, schema, name)
                    continue
                if oid not in waited:
                    waited.add(oid)
                    self.tell(IndexBeingBuilt(name, builder[0]))
                time.sleep(PAUSE)

    def _invalid(
        self, cursor: CursorWrapper, names: list[str]
    ) -> list[tuple[int, str, str, int]]:
        cursor.execute(INVALID, [names])
        return list(cursor.fetchall())

    def _drop(
        self,
        connection: BaseDatabaseWrapper,
        cursor: CursorWrapper,
        schema: str,
        name: str,
    ) -> None:
        self.tell(IndexRebuilt(name))
        quote = connection.ops.quote_name
        path = f"{quote(schema)}.{quote(name)}"
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {path}")


def names_in(sql: str) -> list[str]:
    """Return all that could be a name in a statement."""
    found = NAME.findall(sql)
    return [quoted.replace('""', '"') or bare.lower() for quoted, bare in found]
