"""What a run has applied, and how that is undone if it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from django.db.migrations import Migration
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.state import ProjectState

from syzygy_like.executor.deploy import Deploy
from syzygy_like.executor.errors import (
    IrreversibleRunError,
    MigrationFailedError,
    RolledBackError,
    RollingBack,
)
from syzygy_like.executor.itinerary import Plan, Schedule
from syzygy_like.executor.phases import AbortPhase, ContractPhase
from syzygy_like.executor.rows import with_rows
from syzygy_like.executor.steps import DeployStep

# It may return False, if there was nothing to be undone.
Undo = Callable[[], Any]


class Rollback:
    """Knows how to undo what a run has applied, and does so if it fails."""

    def __init__(self, executor: Any, accepts_irreversible: bool):
        self.executor = executor
        self.accepts_irreversible = accepts_irreversible
        self.carried: list[tuple[Migration, Undo]] = []

    def begin(self, plan: Plan, schedule: Schedule) -> None:
        """Raise IrreversibleRunError if what a run will apply cannot be undone."""
        if any(backwards for _, backwards in plan):
            raise IrreversibleRunError([], backwards=True)
        if self.accepts_irreversible:
            return
        final = {
            step.key
            for run in schedule.runs
            if isinstance(run, ContractPhase)
            for step in run.steps
        }
        irreversible = [
            each
            for each, _ in plan
            if (each.app_label, each.name) in final or not is_reversible(each)
        ]
        if irreversible:
            raise IrreversibleRunError(irreversible)

    def note(self, migration: Migration, undo: Undo) -> None:
        """Keep in mind how to undo what is applied of a migration, if that may be."""
        if self.executor.context.hooks.rolls_back:  # it holds on to a state
            self.carried.append((migration, undo))

    def back(self, failure: MigrationFailedError) -> NoReturn:
        """Undo what is applied, the last first. Raises RolledBackError in the end."""
        self.executor.connection.close()  # it may be in a transaction that is lost
        undoings, self.carried = self.carried[::-1], []
        carried = tuple(each for each, _ in undoings)
        if carried:
            self.executor.context.hooks.tell(RollingBack(carried))
        done = []
        for number, (migration, undo) in enumerate(undoings):
            try:
                refuse_irreversible(migration)
                if undo() is not False:
                    done.append(migration)
            except Exception as error:
                obstacle = getattr(error, "error", error)
                kept = carried[number:]
                raise RolledBackError(failure, done, kept, obstacle) from failure
        self.executor.stepper.end()
        raise RolledBackError(failure, done) from failure

    def leg_back(self, step: DeployStep) -> None:
        """Undo a leg that precedes the roll-out, as giving up the deploy does."""
        executor = self.executor
        executor.loader.build_graph()
        executor.ledger.forget()
        deploy = Deploy(executor.history, executor.ledger)
        deploy_state, steps = deploy.replay()
        steps = [
            with_rows(each, deploy_state) for each in steps if each.place == step.place
        ]
        executor.carry_out(AbortPhase(executor, deploy, steps, step.release))


def bare(state: ProjectState) -> ProjectState:
    """Return a copy of a state, without the models that are rendered."""
    models = {key: each.clone() for key, each in state.models.items()}
    return ProjectState(models, state.real_apps)


def is_reversible(migration: Migration) -> bool:
    """Tell whether all operations can be undone."""
    return all(operation.reversible for operation in migration.operations)


def refuse_irreversible(migration: Migration) -> None:
    """Raise IrreversibleError if an operation cannot be undone."""
    for operation in migration.operations:
        if not operation.reversible:
            raise IrreversibleError(
                f"{operation.describe()} in {migration} cannot be reversed. "
                "Nothing was unapplied."
            )
