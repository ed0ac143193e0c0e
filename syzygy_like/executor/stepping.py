"""Migrations that are carried out whole, whatever comes between two statements."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.executor.hooks import RunHooks
from syzygy_like.executor.itinerary import Plan
from syzygy_like.executor.journal import (
    Journal,
    Resumed,
    UnfinishedMigrationError,
    name_before,
)
from syzygy_like.executor.recording import Recording
from syzygy_like.executor.resumable import MigrationRunner
from syzygy_like.expand_contract.simulation import Part, PartialMigration
from syzygy_like.planning.history import Key


class ResumableExecutor:
    """
    Applies migrations, and unapplies them, as Django's executor does.

    Each is recorded in the transaction that it has. What has none is noted operation
    by operation, and goes on where an earlier run has ended.
    """

    def __init__(self, executor: Any, hooks: RunHooks):
        self.carrier = MigrationRunner(executor.connection, hooks)
        self.ledger = executor.ledger
        self.journal = Journal(self.ledger)
        self.recording = Recording(executor)
        self.hooks = hooks
        self.loader = executor.loader

    def begin(self, plan: Plan) -> None:
        """
        Look at what was begun and not ended, before a plan is carried out.

        Raises UnfinishedMigrationError if the plan would leave that behind. What this
        code has no file of is another version's, and left alone.
        """
        nodes = self.loader.graph.nodes
        planned = {(each.app_label, each.name, back) for each, back in plan}
        backwards = any(back for *_, back in planned)
        for entry in self.journal.entries():
            is_planned = (*entry.key, entry.backwards) in planned
            is_left = not is_planned and (entry.backwards or backwards)
            if is_left and entry.key in nodes:
                before = name_before(nodes[entry.key])
                raise UnfinishedMigrationError(entry.key, entry.backwards, before)

    def apply(self, migration: Migration, state: ProjectState) -> ProjectState:
        """Apply a migration, or what is left of it; return the state after it."""
        end = len(migration.operations)
        note = self._noting(migration, False, end, self.recording.applied)
        return self._carry(self.carrier.forwards, migration, state, note, False)

    def unapply(self, migration: Migration, state: ProjectState) -> ProjectState:
        """Undo a migration, or what is left of it; the state is that before it."""
        note = self._noting(migration, True, 0, self.recording.unapplied)
        return self._carry(self.carrier.backwards, migration, state, note, True)

    def take_back(self, migration: Migration, state: ProjectState) -> bool:
        """
        Undo what is carried out of a migration that failed, as ``unapply`` does.

        Returns whether there was anything.
        """
        done = self.journal.done(migration, backwards=False)
        if done is None:
            return False
        partial = PartialMigration(migration, Part.WHOLE, migration.operations)
        note = self._noting(migration, False, 0)  # it was not recorded
        known = self.ledger.state()
        restore = functools.partial(self.ledger.restore, known)
        self.carrier.backwards(partial, state, done, restore, note)
        return bool(done)

    def _noting(
        self,
        migration: Migration,
        backwards: bool,
        end: int,
        record: Callable[[Key], None] | None = None,
    ) -> Callable[[int], None]:
        """Return what notes how many operations are carried out, up to an end."""

        def note(number: int) -> None:
            with self.journal.noting():
                if number != end:
                    self.journal.note(migration, backwards, number)
                    return
                self.journal.strike(migration)
                if record:
                    record((migration.app_label, migration.name))

        return note

    def end(self) -> None:
        """Leave nothing behind that is not needed."""
        self.ledger.close()

    def _carry(
        self,
        move: Callable[..., ProjectState],
        migration: Migration,
        state: ProjectState,
        note: Callable[[int], None],
        backwards: bool,
    ) -> ProjectState:
        partial = PartialMigration(migration, Part.WHOLE, migration.operations)
        done = self.journal.done(migration, backwards)
        if done:
            self.hooks.tell(Resumed(partial, backwards, done))
        if not self.carrier.is_in_one(partial):
            self.ledger.open()
        known = self.ledger.state()
        restore = functools.partial(self.ledger.restore, known)
        return move(partial, state, done, restore, note)


def is_peculiar(migration: Migration) -> bool:
    """Tell whether a migration has its own way to be applied."""
    own = (type(migration).apply, type(migration).unapply)
    return own != (Migration.apply, Migration.unapply)
