"""How an empty scratch database gets to the start of a rehearsal, and what is next."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from syzygy_like import seam
from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    find_refusal,
    raise_refusal,
)
from syzygy_like.rehearsal.starting_point.recorded import RecordedLoader
from syzygy_like.rehearsal.starting_point.start import Start
from syzygy_like.safeguards.interrupts import Terminated

Plan = list[tuple[Migration, bool]]


@dataclasses.dataclass(eq=False)
class StartFailedError(Exception):
    """A migration on the way to the start could not be applied."""

    key: Key
    error: BaseException


class StartExecutor(MigrationExecutor):
    """Applies the migrations of a start to an empty database."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        progress_callback: Callable[..., None] | None = None,
        *,
        start: Start,
    ):
        super().__init__(connection, progress_callback)
        # What is applied decides whether squashed migrations or those that they
        # replace are in the graph; none of it is applied here yet.
        self.loader = RecordedLoader(start.applied)
        self.wanted = frozenset(self.loader.applied_migrations)
        self.loader.applied_migrations.clear()

    def migration_plan(
        self,
        targets: Sequence[tuple[str, str | None]] | set[Key],
        clean_start: bool = False,
    ) -> Plan:
        """Return the plan to the start, whatever the targets are."""
        if clean_start:
            return super().migration_plan(targets, clean_start)
        plan = super().migration_plan(self.loader.graph.leaf_nodes(), clean_start=True)
        return [
            (migration, backwards)
            for migration, backwards in plan
            if (migration.app_label, migration.name) in self.wanted
        ]

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """
        Apply a migration.

        Raises StartFailedError if that fails, OutOfReachError if it has tried to leave
        the scratch databases.
        """
        key = migration.app_label, migration.name
        try:
            state = super().apply_migration(state, migration, fake, fake_initial)
        except Terminated:
            raise
        except (Exception, SystemExit) as error:  # whatever a project's own raise
            if found := find_refusal(error):
                found.migration = found.migration or key
                raise found from (error if error is not found else error.__cause__)
            raise StartFailedError(key, error) from error
        raise_refusal(key)
        return state


def apply_start(
    start: Start, alias: str, command_class: type[BaseCommand], verbosity: int = 0
) -> None:
    """
    Take an empty database to a start, by the project's own migrate command.

    Afterwards the very migrations of the start are recorded. Raises StartFailedError,
    and CommandError as the command does.
    """
    command = command_class()
    factory = functools.partial(StartExecutor, start=start)
    with seam.executor(command, factory):
        call_command(
            command,
            database=alias,
            run_syncdb=True,
            interactive=False,
            skip_checks=True,
            verbosity=verbosity,
        )
    _record(start, alias)


def _record(start: Start, alias: str) -> None:
    """Record what a start has, where Django has recorded more (a squash) or less."""
    recorder = MigrationRecorder(connections[alias])
    recorded = set(recorder.applied_migrations())
    for key in sorted(recorded - start.applied):
        recorder.record_unapplied(*key)
    for key in sorted(start.applied - recorded):
        recorder.record_applied(*key)


def pending(alias: str) -> Plan:
    """Return the plan that a plain migrate would have now."""
    executor = MigrationExecutor(connections[alias])
    return executor.migration_plan(executor.loader.graph.leaf_nodes())
