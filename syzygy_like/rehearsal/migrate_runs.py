"""Runs of migrate in a rehearsal."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from syzygy_like.planning.history import Key
from syzygy_like.planning.messages.errors import text_of
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    find_refusal,
    raise_refusal,
)
from syzygy_like.safeguards.interrupts import Terminated


class Watcher:
    """Hears of each migration, or part of one. A subclass does what it needs to."""

    def began(self, migration: Migration, stage: str) -> None:
        """Begin: ``stage`` is "migrate", "pre-deploy", "post-deploy" or "revert"."""

    def ended(self, migration: Migration) -> None:
        """Go on after a migration that was applied or unapplied."""


@dataclasses.dataclass(eq=False)
class RunFailedError(Exception):
    """
    A run of migrate failed, or refused to begin: then no ``migration`` is at fault.

    ``text`` is what it said, in the words of the command or of the database.
    """

    text: str
    migration: Key | None


@dataclasses.dataclass(eq=False)
class LostConnectionError(Exception):
    """The server has ended a connection, with what the driver says."""

    alias: str
    text: str


class Migrator:
    """
    Runs a project's own migrate on one database, for a number of watchers.

    ``options`` are those of migrate --pre-deploy.
    """

    def __init__(
        self,
        command_class: type[BaseCommand],
        alias: str,
        options: Mapping[str, object],
        watchers: Sequence[Watcher] = (),
    ):
        self.command_class = command_class
        self.alias = alias
        self.watchers = watchers
        self.options = options

    def watched_by(self, *watchers: Watcher) -> Migrator:
        """Return one that does the same for other watchers."""
        return Migrator(self.command_class, self.alias, self.options, watchers)

    def plain(self) -> None:
        """Apply everything, as Django does. Raises RunFailedError."""
        self._run("migrate")

    def pre_deploy(self) -> None:
        """Apply what precedes the roll-out. Raises RunFailedError."""
        self._run("pre-deploy", pre_deploy=True, **self.options)

    def post_deploy(self) -> None:
        """Apply what follows the roll-out. Raises RunFailedError."""
        self._run("post-deploy", post_deploy=True)

    def revert(self, migrations: Sequence[Migration], loader: MigrationLoader) -> None:
        """
        Unapply migrations, given in the order of a plan. Raises RunFailedError.

        The loader is that of the plan: by now a squash may be in the graph instead.
        """
        progress = _Progress("revert", self.watchers)
        plan = [(each, True) for each in reversed(migrations)]
        done = {(each.app_label, each.name): each for each in migrations}
        with self._failing(progress):
            executor = MigrationExecutor(connections[self.alias], progress)
            executor.loader = loader
            loader.applied_migrations = {**loader.applied_migrations, **done}
            executor.migrate([], plan)

    def _run(self, stage: str, **options: object) -> None:
        progress = _Progress(stage, self.watchers)
        command = _reporting(self.command_class, progress)
        with self._failing(progress):
            call_command(
                command,
                database=self.alias,
                interactive=False,
                verbosity=0,
                skip_checks=True,
                migration_lock=False,
                no_color=True,
                stdout=io.StringIO(),
                stderr=io.StringIO(),
                **options,
            )

    @contextlib.contextmanager
    def _failing(self, progress: _Progress) -> Iterator[None]:
        """
        Raise RunFailedError for whatever a project's own operations raise.

        Raise OutOfReachError if anything has tried to leave the scratch databases.
        """
        try:
            yield
            raise_refusal()
        except Terminated:
            raise
        except (Exception, SystemExit) as error:
            if _is_lost(error):
                raise LostConnectionError(self.alias, str(error)) from error
            if found := find_refusal(error):
                found.migration = found.migration or progress.current
                raise found from (error if error is not found else error.__cause__)
            connection = connections[self.alias]
            connection.close()
            if connection.in_atomic_block:
                # SQLite's schema editor does not leave it if rows are in the way.
                del connections[self.alias]
            raise RunFailedError(text_of(error), progress.current) from error


def _is_lost(error: BaseException | None) -> bool:
    """
    Tell whether the server has ended a connection, by what the driver says.

    PostgreSQL's documentation, "PostgreSQL Error Codes": class 08 and 57P01 to 57P03;
    what libpq says itself has no code. MySQL's has 2006 and 2013 ("Client Error
    Message Reference").
    """
    while error is not None:
        code = getattr(error, "sqlstate", "")
        if code is None and type(error).__name__ == "OperationalError":
            return True
        if str(code).startswith(("08", "57P0")) or error.args[:1] in ((2006,), (2013,)):
            return True
        error = error.__cause__
    return False


class _Progress:
    """Django's progress callback, told to watchers; knows what is being done."""

    def __init__(self, stage: str, watchers: Sequence[Watcher]):
        self.stage = stage
        self.watchers = watchers
        self.current: Key | None = None

    def __call__(
        self, action: str, migration: Migration | None = None, fake: bool | None = None
    ) -> None:
        if migration is None:
            return
        if action in ("apply_start", "unapply_start"):
            self.current = (migration.app_label, migration.name)
            for each in self.watchers:
                each.began(migration, self.stage)
        elif action in ("apply_success", "unapply_success"):
            raise_refusal(self.current)  # it may have ignored the error
            for each in self.watchers:
                each.ended(migration)
            self.current = None


def _reporting(
    command_class: type[BaseCommand], progress: Callable[..., None]
) -> BaseCommand:
    """Return a command of a class that tells of its progress and prints nothing."""
    command = command_class()
    vars(command)["migration_progress_callback"] = progress
    return command
