"""The executor of a staged migrate: Django's, with a plan cut to a stage."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from syzygy_like.executor.context import Plan, RunContext, RunHooks, Targets
from syzygy_like.executor.deploy import Deploy
from syzygy_like.executor.errors import (
    ConcurrentRunError,
    MigrationFailedError,
    RolledBackError,
)
from syzygy_like.executor.journal import Journal, Resumed
from syzygy_like.executor.ledger import Ledger, ledger_of
from syzygy_like.executor.looking import SomethingToDo
from syzygy_like.executor.phases import AbortPhase, Phase
from syzygy_like.executor.preview import printed
from syzygy_like.executor.resumable import MigrationRunner, Progress
from syzygy_like.executor.rollback import (
    Rollback,
    Undo,
    refuse_irreversible,
    without_models,
)
from syzygy_like.executor.schedule import Schedule
from syzygy_like.executor.scheduler import Scheduler
from syzygy_like.executor.steps import DeployStep, with_rows
from syzygy_like.expand_contract.simulation import Part, PartialMigration
from syzygy_like.planning.database import Database
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import History
from syzygy_like.planning.plan import PlannedMigration, StagedPlan

if TYPE_CHECKING:
    from django.db.migrations.executor import _ProgressCallbackT


class StagedExecutor(MigrationExecutor):
    """
    Applies the migrations of a stage, in parts where that is needed.

    The ``schedule`` is what the run carries out, as soon as it has its plan.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        progress_callback: _ProgressCallbackT | None = None,
        *,
        context: RunContext,
        hooks: RunHooks,
    ):
        super().__init__(connection, progress_callback)
        self.context = context
        self.hooks = hooks
        self.schedule = Schedule()
        self.rollback = Rollback(hooks)
        self.runner = MigrationRunner(connection, hooks)
        self._planning = False

    @functools.cached_property
    def ledger(self) -> Ledger:
        """What keeps the record of the database."""
        return ledger_of(self.connection)

    @functools.cached_property
    def deploy(self) -> Deploy:
        """The deploy that is under way on the database, or that this run begins."""
        return Deploy(self.history, self.ledger)

    @functools.cached_property
    def journal(self) -> Journal:
        """What notes how far the migrations are that are left to Django."""
        return Journal(self, self.ledger)

    @property
    def history(self) -> History:
        """The history of the database, as the loader has it."""
        return History(self.loader, Database(self.connection.alias))

    # The plan.

    def migration_plan(self, targets: Targets, clean_start: bool = False) -> Plan:
        """
        Return the part of Django's plan for the targets that runs in the stage.

        Raises what ``Scheduler.schedule`` raises.
        """
        if clean_start or self._planning:
            return list(super().migration_plan(targets, clean_start))
        self._planning = True  # Django's method may call itself
        try:
            plan = super().migration_plan(targets)
        finally:
            self._planning = False
        if self.context.is_looking:
            return self._look(plan, targets)
        self._schedule(plan, targets)
        if self.context.shows_plan:
            return printed(self.schedule, self.connection, self.context.verbosity)
        if self.schedule.drops and not self.context.accepts_loss:
            self._refuse_irreversible_steps()  # or the answer would be for nothing
            self.hooks.before_loss(self.schedule.drops)
        return self.schedule.django_plan

    def _schedule(self, plan: Plan, targets: Targets) -> None:
        scheduler = Scheduler(self, self.history, self.deploy, self.context)
        self.schedule = scheduler.schedule(plan, targets)

    def _look(self, plan: Plan, targets: Targets) -> Plan:
        """Return the plan if it is empty. Raises SomethingToDo for any other."""
        if self.context.aborts:
            raise SomethingToDo
        try:
            self._schedule(plan, targets)
        except Exception as error:  # another run may be in the middle of something
            raise SomethingToDo from error
        planned = self.schedule.django_plan
        is_left = self.deploy.is_under_way and self.deploy.is_finished
        if planned or (is_left and self.schedule.phases):
            raise SomethingToDo
        return planned

    def explain(self, plan: StagedPlan, planned: PlannedMigration) -> Explanation:
        """Explain why a migration of a plan fits no stage."""
        history, migrations = self.history, plan.planned_migrations
        earlier = {each.key for each in migrations[: migrations.index(planned)]}
        begun = {each.key for each in self.deploy.record.entries}
        known = earlier | begun | {*history.applied}
        tracker = history.at(self.deploy.ordered(known))
        return history.explain(tracker, planned.tracked.migration)

    # The run.

    def migrate(
        self,
        targets: Sequence[tuple[str, str | None]] | None,
        plan: Sequence[tuple[Migration, bool]] | None = None,
        state: ProjectState | None = None,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """
        Carry out the schedule; return the state after it, as Django's executor does.

        Raises IrreversibleError, IrreversibleRunError and UnfinishedMigrationError
        before anything is done, MigrationFailedError and RolledBackError later.
        """
        self._prepare(list(plan or []), fake)
        with self._rolling_back():
            if not self.schedule.phases:
                state = super().migrate(targets, plan, state, fake, fake_initial)
            else:
                self.recorder.ensure_schema()
                for phase in self.schedule.phases:
                    state = self.carry_out(phase) or state
                if self.schedule.rest:
                    rest = self._reload(self.schedule.rest)
                    state = super().migrate(targets, rest, None, fake, fake_initial)
                else:
                    self.check_replacements()
        if self.hooks.keeps_journal and not self.context.is_looking:
            self.ledger.close()
        return state or self._create_project_state(  # type: ignore[attr-defined]
            with_applied_migrations=True
        )

    def _prepare(self, plan: Plan, fake: bool) -> None:
        """Refuse what cannot be done, before anything is."""
        migrations = [each for each, backwards in plan if backwards and not fake]
        if migrations and any(phase.backwards for phase in self.schedule.phases):
            self._refuse_irreversible_steps()
        else:
            refuse_irreversible(migrations)
        if self.hooks.keeps_journal:
            self.journal.refuse_unfinished(plan)
        if self.hooks.rolls_back:
            self.rollback.refuse_irreversible(plan, self.schedule)
        if plan:
            self.hooks.before_all(plan)

    def _refuse_irreversible_steps(self) -> None:
        """Raise IrreversibleError if a step that is undone cannot be."""
        refuse_irreversible(
            phase.begun(step, self.runner)
            for phase in self.schedule.phases
            if phase.backwards
            for step in phase.steps
        )

    @contextlib.contextmanager
    def _rolling_back(self) -> Iterator[None]:
        """Put limits in force, and undo a run that fails and is to be rolled back."""
        policy = self.hooks.retry_policy
        with policy.in_force(self.connection), self.ledger.at_work():
            try:
                yield
            except MigrationFailedError as failure:
                if not self.hooks.rolls_back:
                    raise
                self.connection.close()  # it may be in a transaction that is lost
                undone = self.rollback.undo(failure)
                self.ledger.close()
                raise RolledBackError(failure, undone) from failure

    def _reload(self, plan: Plan) -> Plan:
        """Return a plan with the migrations of the graph as it is by now."""
        self.loader.build_graph()
        nodes = self.loader.graph.nodes
        return [(nodes[each.app_label, each.name], back) for each, back in plan]

    def carry_out(self, phase: Phase) -> ProjectState | None:
        """Carry out the steps of a deploy; return the state that is then applied."""
        verb = "unapply" if phase.backwards else "apply"
        move = self.runner.backwards if phase.backwards else self.runner.forwards
        state = None
        for step in phase.steps:
            self.hooks.before_each()
            undo = functools.partial(self._undo_step, step)
            with (
                self._reporting(verb, step.partial),
                self._failing(step.partial, undo, undo),
                phase.carrying_out(step, self.runner) as progress,
            ):
                move(step.partial, step.before.clone(), progress)
            state = step.before if phase.backwards else step.after
        phase.finish()
        return state

    def _undo_step(self, step: DeployStep) -> None:
        """Undo a step that precedes the roll-out, as an abort does."""
        self.loader.build_graph()
        self.ledger.forget()
        deploy = Deploy(self.history, self.ledger)
        deploy_state, steps = deploy.replay()
        steps = [
            with_rows(each, deploy_state) for each in steps if each.place == step.place
        ]
        self.carry_out(AbortPhase(self, deploy, steps, step.release))

    # The migrations that are left to Django.

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Apply a migration. Raises MigrationFailedError if that fails."""
        self.hooks.before_each()
        before = without_models(state) if self.hooks.rolls_back else state
        if fake_initial and not fake:
            fake, found = self.detect_soft_applied(state, migration)
            state = found if fake else state
        undo = functools.partial(self.unapply_migration, before, migration, fake)
        undo_part = functools.partial(self._undo_failed, migration, before)
        with self._failing(migration, undo, undo_part):
            if fake and self.hooks.keeps_journal:
                self.journal.remove(migration)
            if fake or not self._runs(migration, "apply_migration"):
                return super().apply_migration(state, migration, fake)
            with self._reporting("apply", migration):
                whole = _whole(migration)
                progress = self._resume(whole, backwards=False)
                return self.runner.forwards(whole, state, progress)

    def unapply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False
    ) -> ProjectState:
        """Unapply a migration. Raises MigrationFailedError if that fails."""
        self.hooks.before_each()
        with self._failing(migration):
            if fake or not self._runs(migration, "unapply_migration"):
                return super().unapply_migration(state, migration, fake)
            with self._reporting("unapply", migration):
                whole = _whole(migration)
                progress = self._resume(whole, backwards=True)
                return self.runner.backwards(whole, state, progress)

    def _runs(self, migration: Migration, method: str) -> bool:
        """Tell whether our runner carries out a migration, and notes each operation."""
        inherited = getattr(getattr(super(), method), "__func__", None)
        is_own = inherited is not vars(MigrationExecutor)[method]
        is_usual = not (is_own or has_own_way(migration))
        return is_usual and self.hooks.keeps_journal

    def _resume(self, whole: PartialMigration, backwards: bool) -> Progress:
        """Return how far a migration is."""
        progress = self.journal.progress(whole.migration, backwards)
        if progress.done:
            self.hooks.tell(Resumed(whole, backwards, progress.done))
        if not self.runner.is_in_one(whole):
            self.ledger.open()
        return progress

    def _undo_failed(self, migration: Migration, state: ProjectState) -> bool:
        """Undo what is done of a migration that failed; tell whether anything was."""
        progress = self.journal.progress_of_failed(migration)
        if progress.done is not None:
            self.runner.backwards(_whole(migration), state, progress)
        return bool(progress.done)

    @contextlib.contextmanager
    def _reporting(self, verb: str, migration: Migration) -> Iterator[None]:
        """Tell the command where the run is, as Django's executor does."""
        report = self.progress_callback or (lambda *args: None)
        report(f"{verb}_start", migration, False)
        yield
        report(f"{verb}_success", migration, False)

    @contextlib.contextmanager
    def _failing(
        self, migration: Migration, undo: Undo | None = None, part: Undo | None = None
    ) -> Iterator[None]:
        """Name the migration that fails; note how to undo it, or part of it."""
        try:
            yield
        except BaseException as error:
            if not (isinstance(error, Exception) or self.hooks.rolls_back):
                raise  # by Ctrl-C, say
            has_transaction = self.connection.features.can_rollback_ddl
            is_whole = bool(has_transaction and migration.atomic)
            self.hooks.after_failure()
            if isinstance(error, ConcurrentRunError):
                raise  # nothing is to be undone that another run may have done
            if part and not is_whole:
                self.rollback.note(migration, part)
            raise MigrationFailedError(migration, error, is_whole) from error
        if undo:
            self.rollback.note(migration, undo)


def _whole(migration: Migration) -> PartialMigration:
    return PartialMigration(migration, Part.WHOLE, migration.operations)


def has_own_way(migration: Migration) -> bool:
    """Tell whether a migration overrides how it is applied or unapplied."""
    own = (type(migration).apply, type(migration).unapply)
    return own != (Migration.apply, Migration.unapply)


def staged_class(base: type[MigrationExecutor]) -> type[StagedExecutor]:
    """Return the staged kind of an executor class."""
    if issubclass(StagedExecutor, base):
        return StagedExecutor
    return type(f"Staged{base.__name__}", (StagedExecutor, base), {})
