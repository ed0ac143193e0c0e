"""What PostgreSQL knows of the tables and of the locks that a backend holds."""

from __future__ import annotations

import dataclasses
import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connections, transaction

from syzygy_like.rehearsal.lock_trace.verdict import MODES

RANKS = {mode: rank for rank, mode in enumerate(("", *MODES))}

# What a backend did and has not yet reported is in the xact functions, the rest in the
# others: only the sum never misses anything. (PostgreSQL, "The Cumulative Statistics
# System", "Statistics Functions".) Objects of users have numbers from 16384 on
# ("System Catalog Initial Data", "OID Assignment"). A table that was dropped is in
# pg_locks only.
TABLES = """
SELECT
    coalesce(c.oid, l.relation),
    CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text
         ELSE c.relnamespace::regnamespace || '.' || c.relname END AS name,
    l.modes,
    pg_relation_filenode(c.oid),
    pg_stat_get_numscans(c.oid) + pg_stat_get_xact_numscans(c.oid),
    pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_inserted(c.oid),
    pg_stat_get_tuples_updated(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
    + pg_stat_get_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid)
FROM pg_class c
FULL JOIN (
    SELECT relation, array_agg(mode) AS modes FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
    GROUP BY relation
) l ON l.relation = c.oid
WHERE coalesce(c.oid, l.relation) >= 16384
AND coalesce(c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't', true)
ORDER BY name
"""
LOCKS = """
SELECT relation, mode FROM pg_locks
WHERE pid = %s AND locktype = 'relation' AND granted
"""


@dataclasses.dataclass(frozen=True)
class Table:
    """
    A table at some time.

    ``mode`` is the strongest lock that the own backend holds, ``filenode`` the file
    the rows are in. The others count what has been done to it since ever: sequential
    scans, rows inserted, rows updated or deleted.
    """

    name: str = ""
    mode: str = ""
    filenode: int | None = None
    scans: int = 0
    inserted: int = 0
    changed: int = 0


def tables(driver: Any) -> dict[int, Table]:
    """Return the tables by their numbers, as a driver's connection sees them."""
    with driver.cursor() as cursor:
        cursor.execute(TABLES)
        return {
            oid: Table(name or "", strongest(modes or ()), filenode, *map(int, counts))
            for oid, name, modes, filenode, *counts in _without_nulls(cursor.fetchall())
        }


def _without_nulls(rows: list[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    return ((*row[:4], *(count or 0 for count in row[4:])) for row in rows)


def strongest(names: Iterable[str]) -> str:
    """Return the strongest of locks ("AccessShareLock"), in words; "" if none."""
    words = (
        re.sub(r"\B(?=[A-Z])", " ", name.removesuffix("Lock")).upper() for name in names
    )
    return stronger("", *words)


def stronger(*modes: str) -> str:
    """Return the strongest of locks that are in words; "" is none."""
    return max(modes, key=lambda mode: RANKS.get(mode, -1))


class LockSampler:
    """
    The locks that a backend is seen to hold while it runs one statement.

    They are sampled every fraction of a millisecond in the beginning, then at least
    every 10 ms: a lock that is held for less may be missed.
    """

    def __init__(self, alias: str, pid: int):
        self.alias = alias
        self.pid = pid
        self._seen: set[tuple[int, str]] = set()
        self._ready, self._done = threading.Event(), threading.Event()
        self._sampling: Future[None]

    def start(self, pool: ThreadPoolExecutor) -> LockSampler:
        """Sample in a thread, whose connections are its own; return once it does."""
        self._sampling = pool.submit(self._sample)
        self._ready.wait()
        return self

    def stop(self) -> dict[int, str]:
        """Return the strongest lock that was seen on each relation."""
        self._done.set()
        self._sampling.result()
        modes: dict[int, str] = {}
        for relation, name in self._seen:
            modes[relation] = stronger(modes.get(relation, ""), strongest([name]))
        return modes

    def _sample(self) -> None:
        try:
            # CREATE INDEX CONCURRENTLY waits for open transactions.
            transaction.set_autocommit(True, using=self.alias)
            with connections[self.alias].connection.cursor() as cursor:
                begun = time.monotonic()
                while not self._done.wait(min((time.monotonic() - begun) / 10, 0.01)):
                    cursor.execute(LOCKS, [self.pid])
                    self._seen.update(cursor.fetchall())
                    self._ready.set()
        finally:
            self._ready.set()
