"""What one migration does to live traffic, put together from what is seen of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.executor.tables import LEDGER
from syzygy_like.rehearsal.lock_trace.probe import RANKS, Table, stronger
from syzygy_like.rehearsal.lock_trace.verdict import Effect, verdict
from syzygy_like.rehearsal.report import Lock, Statement, Traffic

NOTHING = Table()


@dataclasses.dataclass(frozen=True)
class Ran:
    """A statement that was run, with the times in seconds of some clock."""

    sql: str
    begun: float
    ended: float


@dataclasses.dataclass
class Entry:
    """What all equal statements did. ``locks`` has seconds by table and mode."""

    times: int = 0
    seconds: float = 0.0
    locks: dict[tuple[str, str], float] = dataclasses.field(default_factory=dict)
    rewritten: dict[str, None] = dataclasses.field(default_factory=dict)
    scanned: dict[str, None] = dataclasses.field(default_factory=dict)

    def statement(self, sql: str) -> Statement:
        """Return it as it is reported."""
        return Statement(
            sql if self.times == 1 else f"{sql} -- {self.times} times",
            self.seconds,
            tuple(Lock(*key, seconds) for key, seconds in self.locks.items()),
            tuple(self.rewritten),
            tuple(self.scanned),
        )


class Recording:
    """
    What one migration does.

    ``tables`` are those that are there when it begins, by their numbers.
    """

    def __init__(self, migration: str, stage: str, tables: Mapping[int, Table]):
        self.migration = migration
        self.stage = stage
        own = {MigrationRecorder.Migration._meta.db_table, LEDGER}
        self._names = {
            oid: each.name
            for oid, each in tables.items()
            if each.name and each.name not in own
        }
        self._tables = tables
        self._held = {oid: each.mode for oid, each in tables.items()}
        self._open: list[tuple[Entry, tuple[str, str], float]] = []
        self._entries: dict[str, Entry] = {}
        self._transactions: list[list[Effect]] = [[]]

    def add(
        self, ran: Ran, tables: Mapping[int, Table], watched: Mapping[int, str]
    ) -> None:
        """Add a statement, given the tables after it and the locks seen meanwhile."""
        taken = self._taken(tables, watched)
        rewritten = [self._names[oid] for oid in self._rewritten(tables)]
        scanned = [self._names[oid] for oid in self._scanned(tables)]
        effect = Effect(
            frozenset(mode for _, mode in taken),
            bool(rewritten or scanned),
            sum(self._rows(oid, tables) for oid in tables),
            sum(self._rows(oid, tables, inserted=False) for oid in self._names),
        )
        touched = effect.grows or any(self._rows(oid, tables) for oid in self._names)
        if taken or touched or ran.sql in self._entries:
            entry = self._entries.setdefault(ran.sql, Entry())
            entry.times += 1
            entry.seconds += ran.ended - ran.begun
            entry.rewritten.update(dict.fromkeys(rewritten))
            entry.scanned.update(dict.fromkeys(scanned))
            for key in taken:
                entry.locks.setdefault(key, 0.0)
                self._open.append((entry, key, ran.begun))
        self._transactions[-1].append(effect)
        self._tables = tables

    def end_transaction(self, now: float) -> None:
        """Note that all locks are released, if any are held still."""
        for entry, key, begun in self._open:
            entry.locks[key] += now - begun
        self._open.clear()
        self._held.clear()
        if self._transactions[-1]:
            self._transactions.append([])

    def traffic(self, database: str, bulk: int) -> Traffic | None:
        """Return what is worth telling, None if nothing is; for ``bulk``: verdict."""
        if not self._entries:
            return None
        statements = (each.statement(sql) for sql, each in self._entries.items())
        return Traffic(
            database,
            self.migration,
            self.stage,
            tuple(statements),
            verdict(self._transactions, bulk),
        )

    def _taken(
        self, tables: Mapping[int, Table], watched: Mapping[int, str]
    ) -> list[tuple[str, str]]:
        """Return the tables that are locked now, or locked more strongly."""
        taken = []
        for oid, name in self._names.items():
            held = self._held.get(oid, "")
            mode = stronger(tables.get(oid, NOTHING).mode, watched.get(oid, ""))
            if RANKS[mode] > RANKS[held]:
                self._held[oid] = mode
                taken.append((name, mode))
        return taken

    def _rewritten(self, tables: Mapping[int, Table]) -> list[int]:
        return [
            oid
            for oid in self._names
            if tables.get(oid, NOTHING).filenode
            not in (None, self._tables.get(oid, NOTHING).filenode)
        ]

    def _scanned(self, tables: Mapping[int, Table]) -> list[int]:
        return [
            oid
            for oid in self._names
            if tables.get(oid, NOTHING).scans > self._tables.get(oid, NOTHING).scans
        ]

    def _rows(
        self, oid: int, tables: Mapping[int, Table], inserted: bool = True
    ) -> int:
        """Return how many rows of a table were written. TRUNCATE sets counts back."""
        before, after = self._tables.get(oid, NOTHING), tables.get(oid, NOTHING)
        rows = max(after.changed - before.changed, 0)
        if inserted:
            rows += max(after.inserted - before.inserted, 0)
        return rows
