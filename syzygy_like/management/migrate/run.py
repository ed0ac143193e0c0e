"""A run of migrate that is limited to a stage."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand, CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like import conf, seam
from syzygy_like.executor import messages
from syzygy_like.executor.context import RunContext, RunHooks
from syzygy_like.executor.errors import MigrationFailedError, RolledBackError
from syzygy_like.executor.executor import StagedExecutor, staged_class
from syzygy_like.executor.schedule import BlockedPlanError, Schedule, outstanding
from syzygy_like.management.migrate.options import Options
from syzygy_like.planning.history import loading
from syzygy_like.planning.messages import plans
from syzygy_like.planning.plan import PlannedMigration
from syzygy_like.stages import Stage

if TYPE_CHECKING:
    from django.db.migrations.executor import _ProgressCallbackT

# The handle() of Django's command, which takes all options.
Handle = Callable[..., object]


def run_context(stage: Stage, options: Options, is_looking: bool = False) -> RunContext:
    """Return what the options of a command ask for."""
    return RunContext(
        stage,
        aborts=bool(options.get("abort_deploy")),
        accepts_loss=bool(options.get("allow_loss")),
        bridge=options.get("bridge"),
        checks=bool(options["check_unapplied"]),
        fake_initial=bool(options["fake_initial"]),
        fakes=bool(options["fake"]),
        is_looking=is_looking,
        prunes=bool(options["prune"]),
        shows_plan=bool(options["plan"]),
        skips_blocked=bool(options.get("skip_blocked") or conf.skips_blocked()),
        targeted=bool(options["app_label"]),
        verbosity=options["verbosity"],
    )


class StagedMigrate:
    """
    Runs a migrate command for one stage.

    Says what the schedule of its executor leaves to say, and what went wrong.
    """

    def __init__(
        self,
        command: BaseCommand,
        context: RunContext,
        options: Options,
        hooks: RunHooks | None = None,
    ):
        self.command = command
        self.context = context
        self.options = options
        self.hooks = hooks or RunHooks()
        self.executor: StagedExecutor

    @property
    def schedule(self) -> Schedule:
        """What the run carries out."""
        return self.executor.schedule

    def run(self, handle: Handle) -> None:
        """Let Django's handle() do its work. Raises CommandError where it cannot."""
        try:
            self._run(handle)
        except BlockedPlanError as error:
            raise CommandError(self._blocked_message(error.schedule)) from error
        except (MigrationFailedError, RolledBackError) as error:
            # Imported here, for it has what only a run needs that fails.
            from syzygy_like.management.migrate.messages import of_migration

            raise CommandError(of_migration(error)) from error
        except tuple(messages.ERRORS) as error:
            raise CommandError(messages.said(error)) from error

    def _run(self, handle: Handle) -> None:
        planning, checking = self.context.shows_plan, self.context.checks
        # Django exits if anything is pending, this run if it matters.
        options = {**self.options, "check_unapplied": checking and not planning}
        with seam.executor(self.command, self._make_executor):
            handle(**options)
        if self.context.verbosity:
            if planning or not checking:
                self._report_remaining()
            for line in messages.remarks(self.schedule.left_alone, self.schedule.later):
                self.command.stdout.write(line)
        if planning and self.schedule.plan.blocked and not self.context.skips_blocked:
            raise CommandError(self._blocked_message(self.schedule))
        if planning and checking and self._is_anything_left():
            sys.exit(1)

    def _make_executor(
        self,
        connection: BaseDatabaseWrapper,
        progress_callback: _ProgressCallbackT | None = None,
    ) -> StagedExecutor:
        executor_class = staged_class(self.command.executor_class)  # type: ignore[attr-defined]
        with loading():
            self.executor = executor_class(
                connection, progress_callback, context=self.context, hooks=self.hooks
            )
        return self.executor

    def _blocked_message(self, schedule: Schedule) -> str:
        plan = schedule.plan
        if schedule.in_the_way:
            return messages.in_the_way(plan.blocked, schedule.in_the_way)
        if self.context.stage is not Stage.PRE_DEPLOY:
            return plans.too_late(plan)
        explain = functools.partial(self.executor.explain, plan)
        is_under_way = self.executor.deploy.is_under_way
        return plans.blocked(plan, explain, is_under_way, schedule.waypoint)

    def _is_anything_left(self) -> bool:
        if self.context.stage is Stage.PRE_DEPLOY:
            return bool(outstanding(self.schedule.plan, self.context.stage))
        return bool(self.schedule.django_plan)

    def _report_remaining(self) -> None:
        before = self.context.stage is Stage.PRE_DEPLOY
        title = "Deferred until after the deploy:" if before else "Deferred:"
        plan = self.schedule.plan
        self._report(title, plan.deferred)
        self._report("Blocked:", plan.blocked, self.command.style.WARNING)

    def _report(
        self,
        title: str,
        planned_migrations: Iterable[PlannedMigration],
        style: Callable[[str], str] | None = None,
    ) -> None:
        write = self.command.stdout.write
        for number, planned in enumerate(planned_migrations):
            if number == 0:
                write(title, self.command.style.MIGRATE_HEADING)
            for line in plans.described(planned, self.context.verbosity):
                write(f"  {line}", style)
