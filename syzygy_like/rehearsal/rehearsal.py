"""A rehearsal: what is done on the scratch databases, in order."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from django.core.management.base import BaseCommand
from django.db import DataError, IntegrityError
from django.db.migrations import Migration

from syzygy_like.executor.status import statuses
from syzygy_like.rehearsal.database import RehearsedDatabase
from syzygy_like.rehearsal.diagnosis import NAMES, Diagnosis
from syzygy_like.rehearsal.inspection import Schema, difference, inspect
from syzygy_like.rehearsal.lock_trace.observer import Observer
from syzygy_like.rehearsal.lock_trace.verdict import BULK
from syzygy_like.rehearsal.messages import progress as say
from syzygy_like.rehearsal.migrate_runs import Migrator, RunFailedError, Watcher
from syzygy_like.rehearsal.report import (
    DeployProblem,
    Phase,
    Planned,
    Report,
    Step,
    Version,
)
from syzygy_like.rehearsal.scratch.errors import CannotCopyError
from syzygy_like.rehearsal.scratch.scratch import Scratch
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    forget_refusals,
    raise_refusal,
)
from syzygy_like.rehearsal.starting_point.applying import apply_start
from syzygy_like.rehearsal.starting_point.start import Start

START = "start"


class Rehearsal:
    """
    Rehearses a deploy on some databases at once, each from its own start.

    ``everything`` is for all models in full, ``contrast`` for what a plain migrate
    would do to the old version; ``options`` are those of migrate --pre-deploy. ``tell``
    is called with each step, ``progress`` with each model that is at work.
    """

    def __init__(
        self,
        starts: Mapping[str, Start],
        command_class: type[BaseCommand],
        report: Report,
        *,
        rows: int = 10,
        everything: bool = False,
        contrast: bool = False,
        tell: Callable[[str], None] = lambda text: None,
        progress: Callable[[str], None] | None = None,
        options: Mapping[str, object],
    ):
        self.starts = starts
        self.command_class = command_class
        self.report = report
        self.rows = rows
        self.everything = everything
        self.contrast = contrast
        self.tell = tell
        self.progress = progress
        self.options = options
        self.databases: list[RehearsedDatabase] = []
        self.has_copies = True

    def run(self) -> None:
        """
        Do it all; what is found goes into the report.

        Raises OutOfReachError if anything has tried to leave the scratch databases.
        """
        try:
            with Scratch(list(self.starts)) as self.scratch:
                self._rehearse()
            raise_refusal()  # of a thread, or of what is done between the migrations
        finally:
            forget_refusals()

    def _rehearse(self) -> None:
        self.report.notes += [
            say.without_account(alias) for alias in self.scratch.without_account
        ]
        self._apply_starts()
        if not any(database.plan for database in self.databases):
            self.report.notes.append(say.NOTHING_PENDING)
            return
        self._note_ends()
        ready = self._pre_deploy()
        if ready:
            self._window()
            self._revert(self._post_deploy())
        if self.contrast or not ready:
            self._contrast()
        self._note_baseline_failures()
        with self._step(say.DIAGNOSIS):
            for database in self.databases:
                at_start = self._at_start if self.has_copies else None
                diagnosis = Diagnosis(database, self._migrator(database), at_start)
                diagnosis.report(self.report)

    def _apply_starts(self) -> None:
        first = {name: alias for alias, name in reversed(self.scratch.names.items())}
        for alias, start in self.starts.items():
            if first[self.scratch.names[alias]] != alias:
                continue  # another name of the same database
            with self._step(say.applying_start(alias)):
                apply_start(start, alias, self.command_class)
            with self._step(say.filling(alias, self.rows)):
                self.databases.append(self._database(alias))
        try:
            self.scratch.copy(START)
        except CannotCopyError as error:
            self.has_copies = False
            self.report.notes.append(say.no_copies(error.alias, error.error_text))

    def _database(self, alias: str) -> RehearsedDatabase:
        return RehearsedDatabase(alias, self.rows, self.everything, self.progress)

    def _at_start(self) -> contextlib.AbstractContextManager[None]:
        """Work on copies of the databases as they were at the start."""
        return self.scratch.copied(START)

    def _note_ends(self) -> None:
        """Note where a plain migrate ends, and what each version cannot do before."""
        if self.has_copies:
            with self._step(say.PLAIN), self._at_start():
                for database in self.databases:
                    self._plain_migrate(database)
        # No rows are to be there beforehand if none were asked for.
        apart = self.has_copies and self.rows == 0
        where = self._at_start() if apart else contextlib.nullcontext()
        with self._step(say.OWN), where:
            for database in self.databases:
                database.note_baseline(Version.OLD)

    def _plain_migrate(self, database: RehearsedDatabase) -> None:
        try:
            self._migrator(database).plain()
        except RunFailedError as error:
            self._add_problem(database, "failed", error)
            return
        database.set_end_schema(inspect(database.alias))
        database.note_baseline(Version.NEW)

    def _pre_deploy(self) -> bool:
        """Tell whether all databases are ready for the roll-out."""
        with self._step(say.PRE_DEPLOY):
            done = [
                self._carry_out(database, Migrator.pre_deploy)
                for database in self.databases
            ]
        return all(done)

    def _carry_out(
        self, database: RehearsedDatabase, run: Callable[[Migrator], None]
    ) -> bool:
        recorder = PlanRecorder(database, self.report)
        with Observer(database.alias, min(BULK, max(self.rows - 1, 0))) as observer:
            try:
                run(self._migrator(database).watched_by(recorder, observer))
            except RunFailedError as error:
                if error.migration:
                    self._add_problem(database, "failed", error)
                else:
                    self._add_problem(database, "blocked", error)
                    self.report.planned += list_planned(database)
                return False
        self.report.traffic += observer.traffic
        return True

    def _window(self) -> None:
        with self._step(say.WINDOW):
            for database in self.databases:
                database.predictions.note_window()
                database.run_workloads(Phase.WINDOW)

    def _post_deploy(self) -> list[RehearsedDatabase]:
        """Return the databases on which the deploy came to its end."""
        with self._step(say.POST_DEPLOY):
            run = Migrator.post_deploy
            done = [each for each in self.databases if self._carry_out(each, run)]
        with self._step(say.AFTER):
            for database in done:
                self._compare(database, "schema", database.end_schema)
                database.run_workloads(Phase.AFTER, [Version.NEW])
        return done

    def _compare(
        self, database: RehearsedDatabase, kind: str, wanted: Schema | None
    ) -> None:
        if wanted is None:
            return
        if found := difference(inspect(database.alias), wanted, *say.SIDES[kind]):
            problem = DeployProblem(database.alias, kind, found)
            self.report.deploy_problems.append(problem)

    def _revert(self, databases: Sequence[RehearsedDatabase]) -> None:
        with self._step(say.REVERT):
            for database in databases:
                self._unapply(database)

    def _unapply(self, database: RehearsedDatabase) -> None:
        if found := database.irreversible():
            self.report.notes.append(say.irreversible(*found))
            return
        try:
            self._migrator(database).revert(database.plan, database.loader)
        except RunFailedError as error:
            if isinstance(error.__cause__, IntegrityError | DataError):
                self.report.notes.append(
                    say.rows_in_the_way(error.migration, error.text)
                )
            else:
                self._add_problem(database, "not reverted", error)
            return
        self._compare(database, "not reverted", database.start_schema)
        database.run_workloads(Phase.REVERTED, [Version.OLD])

    def _contrast(self) -> None:
        """Show what a plain migrate would do to the old version."""
        if not self.has_copies:
            return
        with self._step(say.CONTRAST), self._at_start():
            for database in self.databases:
                try:
                    self._migrator(database).plain()
                except RunFailedError as error:
                    self.report.notes.append(say.no_contrast(error.text))
                else:
                    database.run_workloads(Phase.PLAIN, [Version.OLD])

    def _note_baseline_failures(self) -> None:
        """Note what is left out, because a version cannot do it on its own schema."""
        for database in self.databases:
            for version, failures in database.baseline_failures.items():
                if failures:
                    note = say.baseline_failures(
                        NAMES[version], database.alias, failures
                    )
                    self.report.notes.append(note)

    def _migrator(self, database: RehearsedDatabase) -> Migrator:
        return Migrator(self.command_class, database.alias, self.options)

    def _add_problem(
        self, database: RehearsedDatabase, kind: str, error: RunFailedError
    ) -> None:
        name = ".".join(error.migration or ())
        known = {
            (each.database, each.kind, each.migration)
            for each in self.report.deploy_problems
        }
        if (database.alias, kind, name) not in known:  # a plain migrate fails as well
            path = database.path(error.migration)
            problem = DeployProblem(database.alias, kind, error.text, name, path)
            self.report.deploy_problems.append(problem)

    @contextlib.contextmanager
    def _step(self, text: str) -> Iterator[None]:
        self.tell(text)
        began = time.monotonic()
        yield
        self.report.steps.append(Step(text, time.monotonic() - began))


class PlanRecorder(Watcher):
    """Writes down which migration is carried out in which stage."""

    def __init__(self, database: RehearsedDatabase, report: Report):
        self.database = database
        self.report = report

    def began(self, migration: Migration, stage: str) -> None:
        """Write down a migration, or a part of one."""
        name = f"{migration.app_label}.{migration.name}"
        part = str(migration).removeprefix(name).strip(" ()")
        outcome = f"{stage}, {part}" if part else stage
        path = self.database.path((migration.app_label, migration.name))
        self.report.planned.append(Planned(self.database.alias, name, outcome, path))


def list_planned(database: RehearsedDatabase) -> list[Planned]:
    """Return the pending migrations of a plan that is not carried out."""
    found = statuses(database.loader, database.alias)
    keys = [(each.app_label, each.name) for each in database.plan]
    stages = [dataclasses.replace(found[key], waits_since=None).text for key in keys]
    return [
        Planned(database.alias, ".".join(key), stage, database.path(key))
        for key, stage in zip(keys, stages, strict=True)
    ]
