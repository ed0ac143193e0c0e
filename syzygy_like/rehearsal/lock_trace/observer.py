"""Measures what the statements of migrations do to live traffic, on PostgreSQL."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from django.db import connections, transaction
from django.db.migrations import Migration

from syzygy_like.rehearsal.lock_trace.probe import LockSampler, tables
from syzygy_like.rehearsal.lock_trace.recording import Ran, Recording
from syzygy_like.rehearsal.lock_trace.verdict import BULK
from syzygy_like.rehearsal.migrate_runs import Watcher
from syzygy_like.rehearsal.report import Traffic

# libpq, "Connection Status Functions", PQtransactionStatus.
IDLE, IN_TRANSACTION = 0, 2

# What may be in a transaction block, unless it is done concurrently: the pages of these
# commands say so of no other form. (PostgreSQL, "SQL Commands".)
TRANSACTIONAL = re.compile(
    r"\s*(ALTER TABLE|CREATE( UNIQUE)? INDEX|(CREATE|DROP) TABLE|DROP INDEX|TRUNCATE)\b"
    r"(?!.*\bCONCURRENTLY\b)",
    re.IGNORECASE | re.DOTALL,
)


Result = TypeVar("Result")


class Observer(Watcher):
    """
    Watches the statements that migrations run on one PostgreSQL database (psycopg 3).

    On other databases it does nothing. ``traffic`` has the migrations that did
    something to the tables that were there before them. More than ``bulk`` rows are
    taken for what grows with a table: where tables are small, that is fewer.
    """

    def __init__(self, alias: str, bulk: int = BULK):
        self.alias = alias
        self.bulk = bulk
        self.traffic: list[Traffic] = []
        self._connection = connections[alias]
        self._recording: Recording | None = None
        self._exits = contextlib.ExitStack()
        self._pool: ThreadPoolExecutor
        self._spent = 0.0  # seconds, on measuring

    def __enter__(self) -> Observer:
        if self._can_observe():
            self._pool = self._exits.enter_context(ThreadPoolExecutor(max_workers=1))
            self._exits.callback(self._pool.submit, _close, self.alias)
            wrapper = self._connection.execute_wrapper(self._observe)
            self._exits.enter_context(wrapper)
        return self

    def _can_observe(self) -> bool:
        if self._connection.vendor != "postgresql":
            return False
        from django.db.backends.postgresql.psycopg_any import is_psycopg3

        return bool(is_psycopg3)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()
        self._exits.close()

    def began(self, migration: Migration, stage: str) -> None:
        """Take what follows for a migration's, as a watcher of migrate's runs."""
        self.begin(f"{migration.app_label}.{migration.name}", stage)

    def ended(self, migration: Migration) -> None:
        """Add what the migration did."""
        self.end()

    def begin(self, migration: str, stage: str) -> None:
        """Take what follows for a migration's ("shop.0002_name"), run in a stage."""
        self.end()
        if self._can_observe():
            self._connection.ensure_connection()
            known = tables(self._connection.connection)
            self._recording = Recording(migration, stage, known)

    def end(self) -> None:
        """Add what the migration did to ``traffic``; its transaction has ended."""
        recording, self._recording = self._recording, None
        if recording:
            recording.end_transaction(self._now())
            if traffic := recording.traffic(self.alias, self.bulk):
                self.traffic.append(traffic)

    def _observe(
        self,
        execute: Callable[..., Result],
        sql: str,
        params: object,
        many: bool,
        context: object,
    ) -> Result:
        recording = self._recording
        if recording is None:
            return execute(sql, params, many, context)
        # What other wrappers ask before they execute a statement is not observed.
        self._recording = None
        try:
            with self._around(recording, str(sql)):
                return execute(sql, params, many, context)
        finally:
            self._recording = recording

    def _around(self, recording: Recording, sql: str) -> AbstractContextManager[None]:
        """Return what a statement is to be run in, by its place in a transaction."""
        driver = self._connection.connection
        if driver.info.transaction_status == IDLE:
            recording.end_transaction(self._now())
            if driver.autocommit:
                return self._alone(recording, sql)
            if self._connection.in_atomic_block:
                committed = functools.partial(self._committed, recording)
                transaction.on_commit(committed, using=self.alias)
        return self._measured(recording, sql)

    @contextlib.contextmanager
    def _alone(self, recording: Recording, sql: str) -> Iterator[None]:
        """
        Measure a statement that is a transaction by itself.

        If it may be in a transaction block it is put into one, which is the same to
        the database (PostgreSQL, "Transactions"): its locks can be asked for before
        they are released. Of others they can only be watched from outside.
        """
        driver = self._connection.connection
        if TRANSACTIONAL.match(sql):
            with driver.transaction(), self._measured(recording, sql):
                yield
        else:
            sampler = LockSampler(self.alias, driver.info.backend_pid).start(self._pool)
            with self._measured(recording, sql, sampler):
                yield
        if driver.info.transaction_status == IDLE:
            recording.end_transaction(self._now())

    @contextlib.contextmanager
    def _measured(
        self, recording: Recording, sql: str, sampler: LockSampler | None = None
    ) -> Iterator[None]:
        begun = self._now()
        try:
            yield
        finally:
            ran = Ran(sql, begun, self._now())
            started = time.monotonic()
            self._after(recording, ran, sampler.stop() if sampler else {})
            self._spent += time.monotonic() - started

    def _after(self, recording: Recording, ran: Ran, watched: dict[int, str]) -> None:
        """Measure, unless that fails (in an aborted transaction) or begins one."""
        driver = self._connection.connection
        status = None if driver is None else driver.info.transaction_status
        if status == IN_TRANSACTION or (status == IDLE and driver.autocommit):
            recording.add(ran, tables(driver), watched)

    def _committed(self, recording: Recording) -> None:
        recording.end_transaction(self._now())

    def _now(self) -> float:
        """Return the time of a clock that stands still while this class measures."""
        return time.monotonic() - self._spent


def _close(alias: str) -> None:
    connections[alias].close()
