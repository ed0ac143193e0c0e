"""How an empty scratch database gets to the start of a rehearsal, and what is next."""

from __future__ import annotations

import functools
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like import seam
from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.scratch.unreachable import raise_refusal, refusal
from syzygy_like.rehearsal.starting_point import Start
from syzygy_like.rehearsal.starting_point.recorded import RecordedLoader
from syzygy_like.safeguards.interrupts import Terminated

Plan = list[tuple[Migration, bool]]


class OpeningError(Exception):
    """A migration on the way to the start could not be applied."""

    def __init__(self, key: Key, error: BaseException):
        super().__init__(key, error)
        self.key = key
        self.error = error


class OpeningExecutor(MigrationExecutor):
    """Applies the migrations of a start to an empty database."""

    def __init__(self, connection: Any, progress_callback: Any = None, *, start: Start):
        super().__init__(connection, progress_callback)
        # What is applied decides whether squashed migrations or those that they
        # replace are in the graph; none of it is applied here yet.
        self.loader = RecordedLoader(start.applied)
        self.wanted = frozenset(self.loader.applied_migrations)
        self.loader.applied_migrations.clear()

    def migration_plan(self, targets: Any, clean_start: bool = False) -> Plan:
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
        state: Any,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> Any:
        """
        Apply a migration.

        Raises OpeningError if that fails, OutOfReachError if it has tried to leave the
        scratch databases.
        """
        key = migration.app_label, migration.name
        try:
            state = super().apply_migration(state, migration, fake, fake_initial)
        except Terminated:
            raise
        except (Exception, SystemExit) as error:  # whatever a project's own raise
            if found := refusal(error):
                found.migration = found.migration or key
                raise found from (error if error is not found else error.__cause__)
            raise OpeningError(key, error) from error
        raise_refusal(key)
        return state


def open_at(start: Start, alias: str, command_class: Any, verbosity: int = 0) -> None:
    """
    Take an empty database to a start, by the project's own migrate command.

    Afterwards the very migrations of the start are recorded. Raises OpeningError, and
    CommandError as the command does.
    """
    command = command_class()
    factory = functools.partial(OpeningExecutor, start=start)
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
