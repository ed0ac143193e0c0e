"""What a run has applied, and how that is undone if the run fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from django.db.migrations import Migration
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.state import ProjectState

from syzygy_like.executor.context import Plan, RunHooks
from syzygy_like.executor.errors import (
    IrreversibleRunError,
    MigrationFailedError,
    RolledBackError,
)
from syzygy_like.executor.phases import ContractPhase
from syzygy_like.executor.schedule import Schedule

# It returns False if there was nothing to undo.
Undo = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class RollingBack:
    """What a run has applied is about to be undone."""

    migrations: tuple[Migration, ...]


class Rollback:
    """Notes how to undo what a run has applied, and undoes it."""

    def __init__(self, hooks: RunHooks):
        self.hooks = hooks
        self.applied: list[tuple[Migration, Undo]] = []

    def refuse_irreversible(self, plan: Plan, schedule: Schedule) -> None:
        """Raise IrreversibleRunError if what a run will apply cannot be undone."""
        if any(backwards for _, backwards in plan):
            raise IrreversibleRunError([], backwards=True)
        if self.hooks.accepts_irreversible:
            return
        contracting = {
            step.key
            for phase in schedule.phases
            if isinstance(phase, ContractPhase)
            for step in phase.steps
        }
        irreversible = [
            each
            for each, _ in plan
            if (each.app_label, each.name) in contracting or not is_reversible(each)
        ]
        if irreversible:
            raise IrreversibleRunError(irreversible)

    def note(self, migration: Migration, undo: Undo) -> None:
        """Note how to undo what is applied of a migration, if the run rolls back."""
        if self.hooks.rolls_back:  # it holds on to a state
            self.applied.append((migration, undo))

    def undo(self, failure: MigrationFailedError) -> list[Migration]:
        """
        Undo what is applied, the last first; return what is undone, in this order.

        Raises RolledBackError if a migration cannot be undone.
        """
        undoings, self.applied = self.applied[::-1], []
        applied = tuple(each for each, _ in undoings)
        if applied:
            self.hooks.tell(RollingBack(applied))
        done = []
        for number, (migration, undo) in enumerate(undoings):
            try:
                refuse_irreversible([migration])
                if undo() is not False:
                    done.append(migration)
            except Exception as error:
                obstacle = getattr(error, "error", error)
                kept = applied[number:]
                raise RolledBackError(failure, done, kept, obstacle) from failure
        return done


def without_models(state: ProjectState) -> ProjectState:
    """Return a copy of a state, without the models that are rendered."""
    models = {key: each.clone() for key, each in state.models.items()}
    return ProjectState(models, state.real_apps)


def is_reversible(migration: Migration) -> bool:
    """Tell whether all operations can be undone."""
    return all(operation.reversible for operation in migration.operations)


def refuse_irreversible(migrations: Iterable[Migration]) -> None:
    """Raise IrreversibleError if an operation cannot be undone."""
    for migration in migrations:
        for operation in migration.operations:
            if not operation.reversible:
                raise IrreversibleError(
                    f"{operation.describe()} in {migration} cannot be reversed. "
                    "Nothing was unapplied."
                )
