"""A run of migrate that is limited to a stage."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections
from django.db.migrations import Migration
from django.db.migrations.exceptions import (
    InconsistentMigrationHistory,
    InvalidMigrationPlan,
    IrreversibleError,
)

from syzygy_like import conf, seam
from syzygy_like.conf_validity import InvalidSettingError
from syzygy_like.executor import messages
from syzygy_like.executor.conflicts import DeployUnderWayError, InvalidEntryError
from syzygy_like.executor.errors import MigrationFailedError, RolledBackError
from syzygy_like.executor.executor import StagedExecutor, staged_class
from syzygy_like.executor.hooks import Guard
from syzygy_like.executor.ledger import ConcurrentRunError
from syzygy_like.executor.preview import statements
from syzygy_like.executor.record import InvalidRecordError
from syzygy_like.executor.rollback import refuse_irreversible
from syzygy_like.executor.rows import LostRowsError
from syzygy_like.executor.steps import Leg
from syzygy_like.expand_contract.simulation import NoHalvesError
from syzygy_like.planning.delays import InvalidDelayError
from syzygy_like.planning.history import (
    BrokenMigrationError,
    Key,
    UnloadableError,
    loading,
)
from syzygy_like.planning.messages import plans, settings
from syzygy_like.planning.plan import Placement, StagedPlan, Waypoint
from syzygy_like.planning.resolver import InvalidStageError
from syzygy_like.stages import Stage


def _failed(error: MigrationFailedError | RolledBackError) -> str:
    # Imported here, for it has what only a run needs that fails.
    from syzygy_like.management.migrate import messages_failing

    if isinstance(error, RolledBackError):
        return messages_failing.rolled_back(error)
    return messages_failing.failed(error.migration, error.error, error.is_whole)


# How to say what went wrong, by what is raised.
MESSAGES: dict[type[Exception], Callable[[Any], str]] = {
    BrokenMigrationError: lambda error: plans.broken(error.key, error.error),
    InconsistentMigrationHistory: lambda error: str(error.args[0]),
    DeployUnderWayError: messages.conflict,
    InvalidRecordError: messages.invalid_record,
    LostRowsError: messages.lost_rows,
    InvalidEntryError: messages.invalid_entry,
    ConcurrentRunError: messages.concurrent,
    InvalidDelayError: lambda error: settings.invalid_delay(
        error.migration, error.value
    ),
    IrreversibleError: lambda error: str(error),
    InvalidMigrationPlan: lambda error: str(error.args[0]),
    InvalidStageError: settings.invalid_stage,
    NoHalvesError: messages.endless,
    MigrationFailedError: _failed,
    RolledBackError: _failed,
    UnloadableError: settings.unloadable,
    InvalidSettingError: settings.invalid_setting,
    Error: plans.refused,
}


class PlannedMigration:
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
        guard: Guard | None = None,
        is_looking: bool = False,
    ):
        self.is_looking = is_looking
        self.guard = guard or Guard()
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
        except tuple(MESSAGES) as error:
            say = next(MESSAGES[kind] for kind in MESSAGES if isinstance(error, kind))
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
            self.executor = executor_class(*args, staging=self, **kwargs)
        return self.executor

    def accept(self) -> Iterable[Placement]:
        """
        Return what to go on with, before anything is applied.

        Raises CommandError if the plan is blocked.
        """
        if self.options["prune"]:  # Django applies nothing then
            return self.plan.placements
        if self.options["plan"]:
            return self.plan.ready
        if self.plan.blocked and not self.skips_blocked:
            raise CommandError(self._blocked_message())
        if self.options["check_unapplied"]:
            return self._outstanding()
        return self.plan.ready

    def present(self, migration: Migration, leg: Leg | None = None) -> Any:
        """Return what Django is given for a migration, or for a part of one."""
        if not self.options["plan"]:
            return migration
        verbosity = self.options["verbosity"]
        key = (migration.app_label, migration.name)
        found = (each for each in self.plan.placements if each.key == key)
        lines = plans.headed(migration, next(found, None), verbosity)
        operations = list(migration.operations)
        if leg is not None and verbosity > 1:
            sql = statements(leg, self.executor.connection, self.aborts)
            if self.aborts:  # Django writes "Undo" before each operation
                lines += [each.describe() for each in sql]
            else:
                operations += sql
        return PlannedMigration(lines, operations)

    def mark_failed(self) -> None:
        """End the line of a migration that failed."""
        # Django has written "Applying shop.0002_name..." and no newline.
        if self.options["verbosity"]:
            self.command.stdout.write(" FAILED", self.command.style.ERROR)
        self.guard.is_mid_line = False

    def consent(self, legs: Sequence[Leg]) -> None:
        """Raise CommandError if nobody agrees that what was made is dropped."""
        made = [name for leg in legs for name in leg.makes]
        if not made or self.options["plan"] or self.options.get("allow_loss"):
            return
        for leg in legs:  # or the answer would be for nothing
            refuse_irreversible(leg.portion)
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

    def _outstanding(self) -> list[Placement]:
        """Return what --check is about: what the new code cannot run without."""
        if self.stage is Stage.PRE_DEPLOY:
            return [each for each in self.plan.ready if each.required]
        return self.plan.ready

    def _is_anything_left(self) -> bool:
        if self.stage is Stage.PRE_DEPLOY:
            return bool(self._outstanding())
        return bool(self.executor.itinerary.presented(self))

    def _report_remaining(self) -> None:
        if self.options["verbosity"] < 1:
            return
        before = self.stage is Stage.PRE_DEPLOY
        title = "Deferred until after the deploy:" if before else "Deferred:"
        self._report(title, self.plan.deferred)
        self._report("Blocked:", self.plan.blocked, self.command.style.WARNING)

    def _report(
        self, title: str, placements: Iterable[Placement], style: Any = None
    ) -> None:
        write = self.command.stdout.write
        for number, placement in enumerate(placements):
            if number == 0:
                write(title, self.command.style.MIGRATE_HEADING)
            for line in plans.described(placement, self.options["verbosity"]):
                write(f"  {line}", style)


def connect(alias: str) -> None:
    """Raise CommandError if a database does not answer."""
    connection = connections[alias]
    try:
        connection.ensure_connection()
    except (Error, ImproperlyConfigured) as error:
        raise CommandError(plans.unreachable(alias, error)) from error
