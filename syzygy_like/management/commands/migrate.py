"""Django's migrate, which can stop at either side of a deploy."""

from __future__ import annotations

import functools
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import Error, connections
from django.db.migrations.exceptions import (
    InconsistentMigrationHistory,
    InvalidMigrationPlan,
)

from syzygy_like import checks, conf, seam
from syzygy_like.delays import InvalidDelayError
from syzygy_like.executor import (
    MigrationFailedError,
    StagedExecutor,
    Staging,
)
from syzygy_like.history import BrokenMigrationError
from syzygy_like.messages import plans, settings
from syzygy_like.placements import Placement
from syzygy_like.resolver import InvalidStageError
from syzygy_like.stages import Stage

INCONSISTENT = (InconsistentMigrationHistory, InvalidMigrationPlan)


class PlannedMigration:
    """A migration of a printed plan, with its stage."""

    def __init__(self, placement: Placement, verbosity: int):
        self.lines = plans.described(placement, verbosity)
        self.operations = placement.step.migration.operations

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Command(migrate.Command):
    executor_class = StagedExecutor

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        stages = parser.add_mutually_exclusive_group()
        stages.add_argument(
            "--pre-deploy",
            action="store_true",
            help="Applies what the code now serving can bear, before new code is "
            "rolled out. Applies nothing if that is not enough for the new code.",
        )
        stages.add_argument(
            "--post-deploy",
            action="store_true",
            help="Applies the rest, once only the new code is served.",
        )
        parser.add_argument(
            "--skip-blocked",
            action="store_true",
            help="With --pre-deploy or --post-deploy, leaves out what cannot be "
            "applied in that stage, rather than applying nothing.",
        )

    def check(self, *args: Any, **kwargs: Any) -> None:
        # The migrations are looked at below, where it is known what is pending.
        with checks.suspended():
            super().check(*args, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        if _stage(options):
            _connect(options.get("database"))
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        stage = _stage(options)
        if not stage:
            if options.get("skip_blocked"):
                raise CommandError(
                    "--skip-blocked goes with --pre-deploy or --post-deploy."
                )
            super().handle(*args, **options)
            return
        try:
            self._handle_stage(stage, *args, **options)
        except INCONSISTENT as error:
            raise CommandError(str(error.args[0])) from error
        except MigrationFailedError as error:
            raise CommandError(plans.failed(error.migration, error.error)) from error
        except BrokenMigrationError as error:
            raise CommandError(plans.broken(error.key, error.error)) from error
        except InvalidStageError as error:
            raise CommandError(settings.invalid_stage(error)) from error
        except InvalidDelayError as error:
            raise CommandError(
                settings.invalid_delay(error.migration, error.value)
            ) from error
        except conf.InvalidSettingError as error:
            raise CommandError(settings.invalid_setting(error)) from error

    def _handle_stage(self, stage: Stage, *args: Any, **options: Any) -> None:
        self.staging = Staging(stage, functools.partial(self._accept, options=options))
        if not options["plan"]:
            self._run(*args, **options)
            if not options["check_unapplied"]:
                self._report_remaining(options["verbosity"])
            return
        self.staging.present = functools.partial(
            PlannedMigration, verbosity=options["verbosity"]
        )
        # Django exits if anything is pending, this one if it matters: see below.
        executor = self._run(*args, **{**options, "check_unapplied": False})
        self._report_remaining(options["verbosity"])
        if self.staging.plan.blocked and not _skips_blocked(options):
            raise CommandError(self._blocked_message(executor))
        if options["check_unapplied"] and self._outstanding():
            sys.exit(1)

    def _run(self, *args: Any, **options: Any) -> StagedExecutor:
        """Let Django's command do its work, and return the executor that did it."""
        executors: list[StagedExecutor] = []

        def make(*args: Any, **kwargs: Any) -> StagedExecutor:
            executors.append(self._make_executor(*args, **kwargs))
            return executors[0]

        with seam.executor(make):
            super().handle(*args, **options)
        return executors[0]

    def _make_executor(self, *args: Any, **kwargs: Any) -> StagedExecutor:
        try:
            return self.executor_class(*args, staging=self.staging, **kwargs)
        except checks.UNLOADABLE as error:
            raise CommandError(settings.unloadable(error)) from error

    def _accept(
        self, executor: StagedExecutor, options: dict[str, Any]
    ) -> list[Placement]:
        """Return what to go on with, before anything is applied."""
        plan = self.staging.plan
        if options["prune"]:  # Django applies nothing then
            return list(plan.placements)
        if plan.blocked and not options["plan"] and not _skips_blocked(options):
            raise CommandError(self._blocked_message(executor))
        if options["check_unapplied"] and not options["plan"]:
            return self._outstanding()
        return plan.ready

    def _blocked_message(self, executor: StagedExecutor) -> str:
        if self.staging.stage is Stage.PRE_DEPLOY:
            return plans.blocked(self.staging.plan, executor.explain)
        return plans.too_late(self.staging.plan)

    def _outstanding(self) -> list[Placement]:
        """Return what --check is about: what the new code cannot run without."""
        ready = self.staging.plan.ready
        if self.staging.stage is Stage.PRE_DEPLOY:
            return [each for each in ready if each.required]
        return ready

    def _report_remaining(self, verbosity: int) -> None:
        if verbosity < 1:
            return
        plan = self.staging.plan
        before = self.staging.stage is Stage.PRE_DEPLOY
        later = "Deferred until after the deploy:" if before else "Deferred:"
        for title, placements, style in (
            (later, plan.deferred, None),
            ("Blocked:", plan.blocked, self.style.WARNING),
        ):
            if placements:
                self.stdout.write(title, self.style.MIGRATE_HEADING)
            for placement in placements:
                for line in plans.described(placement, verbosity):
                    self.stdout.write(f"  {line}", style)


def _skips_blocked(options: dict[str, Any]) -> bool:
    return options["skip_blocked"] or conf.skips_blocked()


def _stage(options: dict[str, Any]) -> Stage:
    """Return the stage that the options ask for, none for Django's own migrate."""
    pre, post = options.get("pre_deploy"), options.get("post_deploy")
    if pre and post:
        raise CommandError("--pre-deploy and --post-deploy exclude each other.")
    if pre:
        return Stage.PRE_DEPLOY
    return Stage.POST_DEPLOY if post else Stage(0)


def _connect(alias: str | None) -> None:
    """Raise CommandError if a database does not answer."""
    connection = connections[alias or "default"]
    try:
        connection.ensure_connection()
    except Error as error:
        raise CommandError(plans.unreachable(connection.alias, error)) from error
