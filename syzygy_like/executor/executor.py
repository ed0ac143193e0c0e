"""The executor of a staged migrate: Django's, with a plan cut to a stage."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.executor.deploy import Deploy
from syzygy_like.executor.errors import MigrationFailedError
from syzygy_like.executor.itinerary import Plan, RunContext, Schedule
from syzygy_like.executor.ledger import ConcurrentRunError, Ledger, ledger_of
from syzygy_like.executor.looking import SomethingToDo
from syzygy_like.executor.phases import Phase
from syzygy_like.executor.resumable import MigrationRunner
from syzygy_like.executor.rollback import Rollback, Undo, bare, refuse_irreversible
from syzygy_like.executor.schedule import Scheduler
from syzygy_like.executor.stepping import ResumableExecutor, is_peculiar
from syzygy_like.planning.database import Database
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import History
from syzygy_like.planning.plan import PlannedMigration


class StagedExecutor(MigrationExecutor):
    """Applies the migrations of a stage, in halves where they have to be."""

    def __init__(
        self, connection: Any, progress_callback: Any = None, *, context: RunContext
    ):
        super().__init__(connection, progress_callback)
        self.context = context
        self.schedule = Schedule()
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
        if self.context.is_looking:
            return self._look(plan, targets)
        return self._planned(plan, targets)

    def _planned(self, plan: Plan, targets: Any) -> Plan:
        scheduler = Scheduler(self, self.history, self.deploy)
        self.schedule = scheduler.schedule(plan, targets, self.context)
        return self.schedule.presented(self.context)

    def _look(self, plan: Plan, targets: Any) -> Plan:
        """Return the plan if it is empty. Raises SomethingToDo for any other."""
        if self.context.aborts:
            raise SomethingToDo
        try:
            planned = self._planned(plan, targets)
        except Exception as error:  # another run may be in the middle of something
            raise SomethingToDo from error
        is_left = self.deploy.is_under_way and self.deploy.is_finished
        if planned or (is_left and self.schedule.runs):
            raise SomethingToDo
        return planned

    @functools.cached_property
    def ledger(self) -> Ledger:
        """What keeps the record of the database."""
        return ledger_of(self.connection)

    @functools.cached_property
    def deploy(self) -> Deploy:
        """The deploy that is under way on the database, or that this run begins."""
        return Deploy(self.history, self.ledger)

    @property
    def history(self) -> History:
        """The history of the database, as the loader has it."""
        return History(self.loader, Database(self.connection.alias))

    def explain(self, planned: PlannedMigration) -> Explanation:
        """Explain why a migration of the plan fits no stage."""
        history = self.history
        planned_migrations = (
            self.schedule.planned_migrations or self.context.plan.planned_migrations
        )
        earlier = {
            each.key for each in planned_migrations[: planned_migrations.index(planned)]
        }
        begun = {each.key for each in self.deploy.record.entries}
        known = earlier | begun | {*history.applied}
        tracker = history.at(self.deploy.ordered(known))
        return history.explain(tracker, planned.tracked.migration)

    def migrate(
        self,
        targets: Any,
        plan: Any = None,
        state: Any = None,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> Any:
        """Apply a plan. Raises IrreversibleError before anything if it cannot."""
        self._refuse_irreversible([] if fake else plan or [])
        hooks = self.context.hooks
        if hooks.keeps_journal:
            self.stepper.begin(plan or [])
        if hooks.rolls_back:
            self.rollback.begin(plan or [], self.schedule)
        if plan:
            hooks.before_all(plan)
        with hooks.retry_policy.in_force(self.connection), self.ledger.at_work():
            try:
                state = self._carry_out_all(targets, plan, state, fake, fake_initial)
            except MigrationFailedError as failure:
                if not hooks.rolls_back:
                    raise
                self.rollback.back(failure)
        if hooks.keeps_journal and not self.context.is_looking:
            self.stepper.end()
        return state

    def _refuse_irreversible(self, plan: Plan) -> None:
        """Raise IrreversibleError if anything that a plan undoes cannot be undone."""
        undone = [migration for migration, backwards in plan if backwards]
        runs = [run for run in self.schedule.runs if run.backwards]
        if undone and runs:
            carrier = MigrationRunner(self.connection, self.context.hooks)
            undone = [run.begun(step, carrier) for run in runs for step in run.steps]
        for migration in undone:
            refuse_irreversible(migration)

    def _carry_out_all(
        self, targets: Any, plan: Any, state: Any, fake: bool, fake_initial: bool
    ) -> Any:
        if not self.schedule.runs:
            return super().migrate(targets, plan, state, fake, fake_initial)
        self.recorder.ensure_schema()
        for run in self.schedule.runs:
            state = self.carry_out(run) or state
        if self.schedule.rest:
            self.loader.build_graph()
            rest = [
                (self.loader.graph.nodes[each.app_label, each.name], backwards)
                for each, backwards in self.schedule.rest
            ]
            return super().migrate(targets, rest, None, fake, fake_initial)
        self.check_replacements()
        return state

    def carry_out(self, run: Phase) -> Any:
        """Carry out the legs of a deploy; return the state that is then built."""
        verb = "unapply" if run.backwards else "apply"
        state = None
        carrier = MigrationRunner(self.connection, self.context.hooks)
        for step in run.steps:
            self.context.hooks.before_each()
            undo = functools.partial(self.rollback.leg_back, step)
            with (
                self._reporting(verb, step.partial),
                self._failing(step.partial, undo, undo),
            ):
                run.carry_out(step, carrier)
            state = step.before if run.backwards else step.after
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
        self.context.hooks.before_each()
        before = bare(state) if self.context.hooks.rolls_back else state
        if fake_initial and not fake:
            fake, found = self.detect_soft_applied(state, migration)
            state = found if fake else state
        undo = functools.partial(self.unapply_migration, before, migration, fake)
        undo_part = functools.partial(self.stepper.take_back, migration, before)
        with self._failing(migration, undo, undo_part):
            if fake and self.context.hooks.keeps_journal:
                self.stepper.journal.strike(migration)
            if fake or not self._steps(migration, "apply_migration"):
                return super().apply_migration(state, migration, fake)
            with self._reporting("apply", migration):
                return self.stepper.apply(migration, state)

    def unapply_migration(
        self, state: Any, migration: Migration, fake: bool = False
    ) -> Any:
        """Undo a migration. Raises MigrationFailedError if that fails."""
        self.context.hooks.before_each()
        with self._failing(migration):
            if fake or not self._steps(migration, "unapply_migration"):
                return super().unapply_migration(state, migration, fake)
            with self._reporting("unapply", migration):
                return self.stepper.unapply(migration, state)

    def _steps(self, migration: Migration, method: str) -> bool:
        """Tell whether nobody has a way of his own to carry a migration out."""
        inherited = getattr(getattr(super(), method), "__func__", None)
        is_own = inherited is not vars(MigrationExecutor)[method]
        is_usual = not (is_own or is_peculiar(migration))
        return is_usual and self.context.hooks.keeps_journal

    @contextlib.contextmanager
    def _reporting(self, verb: str, migration: Migration) -> Iterator[None]:
        """Tell the command where the run is, as Django's executor does."""
        report = self.progress_callback or (lambda *args: None)
        report(f"{verb}_start", migration, False)
        yield
        report(f"{verb}_success", migration, False)

    @functools.cached_property
    def rollback(self) -> Rollback:
        """What undoes the run if it fails."""
        return Rollback(self, self.context.hooks.accepts_irreversible)

    @functools.cached_property
    def stepper(self) -> ResumableExecutor:
        """What carries out the migrations that are left to Django."""
        return ResumableExecutor(self, self.context.hooks)

    @contextlib.contextmanager
    def _failing(
        self, migration: Migration, undo: Undo | None = None, part: Undo | None = None
    ) -> Iterator[None]:
        """Say which migration fails; keep in mind how to undo it, or part of it."""
        try:
            yield
        except BaseException as error:
            if not (isinstance(error, Exception) or self.context.hooks.rolls_back):
                raise  # by Ctrl-C, say
            has_transaction = self.connection.features.can_rollback_ddl
            is_whole = bool(has_transaction and migration.atomic)
            self.context.mark_failed()
            if isinstance(error, ConcurrentRunError):
                raise  # nothing is to be undone that another run may have done
            if part and not is_whole:
                self.rollback.note(migration, part)
            raise MigrationFailedError(migration, error, is_whole) from error
        if undo:
            self.rollback.note(migration, undo)


def staged_class(base: type[MigrationExecutor]) -> type[StagedExecutor]:
    """Return the staged variety of an executor class."""
    if issubclass(StagedExecutor, base):
        return StagedExecutor
    return type(f"Staged{base.__name__}", (StagedExecutor, base), {})
