"""A run of migrate that is limited to a stage."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.migrations import Migration

from syzygy_like import conf, seam
from syzygy_like.executor import messages
from syzygy_like.executor.errors import MigrationFailedError, RolledBackError
from syzygy_like.executor.executor import StagedExecutor, staged_class
from syzygy_like.executor.hooks import RunHooks
from syzygy_like.executor.preview import statements
from syzygy_like.executor.rollback import refuse_irreversible
from syzygy_like.executor.steps import DeployStep
from syzygy_like.planning.history import (
    Key,
    loading,
)
from syzygy_like.planning.messages import plans
from syzygy_like.planning.plan import PlannedMigration, StagedPlan, Waypoint
from syzygy_like.stages import Stage


class PrintedMigration:
    """A migration of a printed plan, or a part of one, with what is said of it."""

    def __init__(self, lines: list[str], operations: Iterable[Any]):
        self.lines = lines
        self.operations = list(operations)

    def __str__(self) -> str:
        return "\n".join(self.lines)


class StagedMigrate:
    """
    Runs a migrate command for one stage.

    The executor asks it what to do with a plan (``accept``), and what to give
    Django for each migration (``present``).
    """

    def __init__(
        self,
        command: BaseCommand,
        stage: Stage,
        options: dict[str, Any],
        hooks: RunHooks | None = None,
        is_looking: bool = False,
    ):
        self.is_looking = is_looking
        self.hooks = hooks or RunHooks()
        self.command = command
        self.stage = stage
        self.options = options
        self.plan = StagedPlan()
        self.aborts = bool(options.get("abort_deploy"))
        self.fakes = bool(options["fake"])
        self.prunes = bool(options["prune"])
        self.fake_initial = bool(options["fake_initial"])
        self.bridge = options.get("bridge")
        self.targeted = bool(options["app_label"])
        self.skips_blocked = options.get("skip_blocked") or conf.skips_blocked()
        self.left_alone: Sequence[Key] = ()
        self.later: Sequence[Key] = ()
        self.in_the_way: Mapping[Key, datetime.datetime | None] = {}
        self.waypoint: Waypoint | None = None
        self.executor: StagedExecutor

    def run(self, handle: Callable[..., Any]) -> None:
        """Let Django's handle() do its work. Raises CommandError where it cannot."""
        try:
            self._run(handle)
        except (MigrationFailedError, RolledBackError) as error:
            # Imported here, for it has what only a run needs that fails.
            from syzygy_like.management.migrate import messages_failing

            raise CommandError(messages_failing.said(error)) from error
        except tuple(messages.ERRORS) as error:
            say = next(
                say for kind, say in messages.ERRORS.items() if isinstance(error, kind)
            )
            raise CommandError(say(error)) from error

    def _run(self, handle: Callable[..., Any]) -> None:
        planning, checking = self.options["plan"], self.options["check_unapplied"]
        # Django exits if anything is pending, this run if it matters.
        options = {**self.options, "check_unapplied": checking and not planning}
        with seam.executor(self.command, self._make_executor):
            handle(**options)
        if planning or not checking:
            self._report_remaining()
        if self.options["verbosity"]:
            for line in messages.remarks(self.left_alone, self.later):
                self.command.stdout.write(line)
        if planning and self.plan.blocked and not self.skips_blocked:
            raise CommandError(self._blocked_message())
        if planning and checking and self._is_anything_left():
            sys.exit(1)

    def _make_executor(self, *args: Any, **kwargs: Any) -> StagedExecutor:
        executor_class = staged_class(self.command.executor_class)  # type: ignore[attr-defined]
        with loading():
            self.executor = executor_class(*args, context=self, **kwargs)
        return self.executor

    def accept(self) -> Iterable[PlannedMigration]:
        """
        Return what to go on with, before anything is applied.

        Raises CommandError if the plan is blocked.
        """
        if self.options["prune"]:  # Django applies nothing then
            return self.plan.planned_migrations
        if self.options["plan"]:
            return self.plan.ready
        if self.plan.blocked and not self.skips_blocked:
            raise CommandError(self._blocked_message())
        if self.options["check_unapplied"]:
            return self._outstanding()
        return self.plan.ready

    def present(self, migration: Migration, step: DeployStep | None = None) -> Any:
        """Return what Django is given for a migration, or for a part of one."""
        if not self.options["plan"]:
            return migration
        verbosity = self.options["verbosity"]
        key = (migration.app_label, migration.name)
        found = (each for each in self.plan.planned_migrations if each.key == key)
        lines = plans.headed(migration, next(found, None), verbosity)
        operations = list(migration.operations)
        if step is not None and verbosity > 1:
            sql = statements(step, self.executor.connection, self.aborts)
            if self.aborts:  # Django writes "Undo" before each operation
                lines += [each.describe() for each in sql]
            else:
                operations += sql
        return PrintedMigration(lines, operations)

    def mark_failed(self) -> None:
        """End the line of a migration that failed."""
        # Django has written "Applying shop.0002_name..." and no newline.
        if self.options["verbosity"]:
            self.command.stdout.write(" FAILED", self.command.style.ERROR)
        self.hooks.is_mid_line = False

    def consent(self, steps: Sequence[DeployStep]) -> None:
        """Raise CommandError if nobody agrees that what was made is dropped."""
        made = [name for step in steps for name in step.makes]
        if not made or self.options["plan"] or self.options.get("allow_loss"):
            return
        for step in steps:  # or the answer would be for nothing
            refuse_irreversible(step.partial)
        if not self.options["interactive"]:
            raise CommandError(messages.would_go(made))
        self.command.stdout.write(messages.going(made), self.command.style.WARNING)
        try:
            answer = input(messages.QUESTION)
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError(messages.would_go(made))

    def _blocked_message(self) -> str:
        is_under_way = self.executor.deploy.is_under_way
        if self.in_the_way:
            return messages.in_the_way(self.plan.blocked, self.in_the_way)
        if self.stage is Stage.PRE_DEPLOY:
            return plans.blocked(
                self.plan, self.executor.explain, is_under_way, self.waypoint
            )
        return plans.too_late(self.plan)

    def _outstanding(self) -> list[PlannedMigration]:
        """Return what --check is about: what the new code cannot run without."""
        if self.stage is Stage.PRE_DEPLOY:
            return [each for each in self.plan.ready if each.required]
        return self.plan.ready

    def _is_anything_left(self) -> bool:
        if self.stage is Stage.PRE_DEPLOY:
            return bool(self._outstanding())
        return bool(self.executor.schedule.presented(self))

    def _report_remaining(self) -> None:
        if self.options["verbosity"] < 1:
            return
        before = self.stage is Stage.PRE_DEPLOY
        title = "Deferred until after the deploy:" if before else "Deferred:"
        self._report(title, self.plan.deferred)
        self._report("Blocked:", self.plan.blocked, self.command.style.WARNING)

    def _report(
        self,
        title: str,
        planned_migrations: Iterable[PlannedMigration],
        style: Any = None,
    ) -> None:
        write = self.command.stdout.write
        for number, planned in enumerate(planned_migrations):
            if number == 0:
                write(title, self.command.style.MIGRATE_HEADING)
            for line in plans.described(planned, self.options["verbosity"]):
                write(f"  {line}", style)
