"""The executor of a staged migrate: Django's, with a plan cut to a stage."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.databases import Database
from syzygy_like.deploys import Deploy
from syzygy_like.explain import Explanation
from syzygy_like.history import History
from syzygy_like.itineraries import Itinerary, Plan, Staging
from syzygy_like.ledger import Ledger
from syzygy_like.placements import Placement
from syzygy_like.runs import Run
from syzygy_like.scheduling import Scheduler


class MigrationFailedError(Exception):
    """
    A migration could not be applied, or unapplied.

    ``is_whole`` tells whether nothing of it is left in the database.
    """

    def __init__(self, migration: Migration, error: Exception, is_whole: bool):
        super().__init__(migration, error, is_whole)
        self.migration = migration
        self.error = error
        self.is_whole = is_whole


class StagedExecutor(MigrationExecutor):
    """Applies the migrations of a stage, in halves where they have to be."""

    def __init__(
        self, connection: Any, progress_callback: Any = None, *, staging: Staging
    ):
        super().__init__(connection, progress_callback)
        self.staging = staging
        self.itinerary = Itinerary()
        self._planning = False

    def migration_plan(self, targets: Any, clean_start: bool = False) -> Plan:
        """Return the part of Django's plan for the targets that runs in the stage."""
        if clean_start or self._planning:
            return super().migration_plan(targets, clean_start)
        self._planning = True  # Django's method may call itself
        try:
            plan = super().migration_plan(targets)
        finally:
            self._planning = False
        scheduler = Scheduler(self, self.history, self.deploy)
        self.itinerary = scheduler.itinerary(plan, targets, self.staging)
        return self.itinerary.presented(self.staging)

    @functools.cached_property
    def deploy(self) -> Deploy:
        """The deploy that is under way on the database, or that this run begins."""
        return Deploy(self.history, Ledger(self.connection))

    @property
    def history(self) -> History:
        """The history of the database, as the loader has it."""
        return History(self.loader, Database(self.connection.alias))

    def explain(self, placement: Placement) -> Explanation:
        """Explain why a migration of the plan fits no stage."""
        history = self.history
        placements = self.itinerary.placements or self.staging.plan.placements
        earlier = [each.key for each in placements[: placements.index(placement)]]
        known = dict.fromkeys([*history.applied, *earlier])
        tracker = history.at(known)
        return history.explain(tracker, placement.step.migration)

    def migrate(
        self,
        targets: Any,
        plan: Any = None,
        state: Any = None,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> Any:
        """Apply a plan. Raises IrreversibleError before anything if it cannot."""
        for migration, backwards in plan or []:
            if backwards and not fake:
                _check_reversible(migration)
        if not self.itinerary.runs:
            return super().migrate(targets, plan, state, fake, fake_initial)
        self.recorder.ensure_schema()
        for run in self.itinerary.runs:
            state = self._carry_out(run) or state
        if self.itinerary.rest:
            self.loader.build_graph()
            rest = [
                (self.loader.graph.nodes[each.app_label, each.name], backwards)
                for each, backwards in self.itinerary.rest
            ]
            return super().migrate(targets, rest)
        self.check_replacements()
        return state

    def _carry_out(self, run: Run) -> Any:
        """Carry out the legs of a deploy; return the state that is then built."""
        verb = "unapply" if run.backwards else "apply"
        report = self.progress_callback or (lambda *args: None)
        run.begin(self.itinerary.placements)
        state = None
        for leg in run.legs:
            report(f"{verb}_start", leg.portion, False)
            with self._failing(leg.portion):
                run.carry_out(leg)
            report(f"{verb}_success", leg.portion, False)
            state = leg.before if run.backwards else leg.after
        run.finish()
        return state

    def apply_migration(
        self,
        state: Any,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> Any:
        """Apply a migration. Raises MigrationFailedError if that fails."""
        with self._failing(migration):
            return super().apply_migration(state, migration, fake, fake_initial)

    def unapply_migration(
        self, state: Any, migration: Migration, fake: bool = False
    ) -> Any:
        """Undo a migration. Raises MigrationFailedError if that fails."""
        with self._failing(migration):
            return super().unapply_migration(state, migration, fake)

    @contextlib.contextmanager
    def _failing(self, migration: Migration) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            rolls_back = self.connection.features.can_rollback_ddl
            is_whole = bool(rolls_back and migration.atomic)
            raise MigrationFailedError(migration, error, is_whole) from error


def _check_reversible(migration: Migration) -> None:
    for operation in migration.operations:
        if not operation.reversible:
            raise IrreversibleError(
                f"{operation.describe()} in {migration} cannot be reversed. "
                "Nothing was unapplied."
            )


def staged_class(base: type[MigrationExecutor]) -> type[StagedExecutor]:
    """Return the staged variety of an executor class."""
    if issubclass(StagedExecutor, base):
        return StagedExecutor
    return type(f"Staged{base.__name__}", (StagedExecutor, base), {})
