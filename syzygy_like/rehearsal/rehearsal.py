"""The course of a rehearsal: what is done on the scratch databases, in order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DataError, IntegrityError

from syzygy_like.rehearsal.database import RehearsedDatabase
from syzygy_like.rehearsal.diagnosis import NAMES, Diagnosis
from syzygy_like.rehearsal.inspection import difference, inspect
from syzygy_like.rehearsal.lock_trace import Observer
from syzygy_like.rehearsal.lock_trace.verdict import BULK
from syzygy_like.rehearsal.messages import progress as say
from syzygy_like.rehearsal.migrate_runs import Migrator, RunFailedError
from syzygy_like.rehearsal.recorders import Noted, Observed, planned
from syzygy_like.rehearsal.report import DeployProblem, Phase, Report, Step, Version
from syzygy_like.rehearsal.scratch import CannotCopyError, Scratch
from syzygy_like.rehearsal.scratch.unreachable import forget, raise_refusal
from syzygy_like.rehearsal.starting_point import Start
from syzygy_like.rehearsal.starting_point.applying import open_at

START = "start"


class Rehearsal:
    """
    Rehearses a deploy on some databases at once, each from its own start.

    ``everything`` is for all models in full, ``contrast`` for what a plain migrate
    would do to the old code; ``options`` are those of migrate --pre-deploy. ``tell``
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
        **options: Any,
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
        self.sites: list[RehearsedDatabase] = []
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
            forget()

    def _rehearse(self) -> None:
        self.report.notes += [
            say.without_account(alias) for alias in self.scratch.without_account
        ]
        self._open()
        if not any(site.plan for site in self.sites):
            self.report.notes.append(say.NOTHING_PENDING)
            return
        self._go_straight()
        ready = self._pre_deploy()
        if ready:
            self._window()
            self._revert(self._post_deploy())
        if self.contrast or not ready:
            self._contrast()
        self._note_usual()
        with self._step(say.JUDGING):
            for site in self.sites:
                at_start = self._at_start if self.has_copies else None
                judge = Diagnosis(site, self._migrator(site), at_start)
                judge.report(self.report)

    def _open(self) -> None:
        first = {name: alias for alias, name in reversed(self.scratch.names.items())}
        for alias, start in self.starts.items():
            if first[self.scratch.names[alias]] != alias:
                continue  # another name of the same database
            with self._step(say.opening(alias)):
                open_at(start, alias, self.command_class)
            with self._step(say.filling(alias, self.rows)):
                self.sites.append(self._site(alias))
        try:
            self.scratch.copy(START)
        except CannotCopyError as error:
            self.has_copies = False
            self.report.notes.append(say.no_copies(error.alias, error.error_text))

    def _site(self, alias: str) -> RehearsedDatabase:
        return RehearsedDatabase(alias, self.rows, self.everything, self.progress)

    def _at_start(self) -> contextlib.AbstractContextManager[Any]:
        """Work on copies of the databases as they were at the start."""
        return self.scratch.copied(START)

    def _go_straight(self) -> None:
        """See where a plain migrate ends, and what codes cannot do by themselves."""
        if self.has_copies:
            with self._step(say.STRAIGHT), self._at_start():
                for site in self.sites:
                    self._straight(site)
        # No rows are to be there beforehand if none were asked for.
        apart = self.has_copies and self.rows == 0
        where = self._at_start() if apart else contextlib.nullcontext()
        with self._step(say.OWN), where:
            for site in self.sites:
                site.learn(Version.OLD)

    def _straight(self, site: RehearsedDatabase) -> None:
        try:
            self._migrator(site).plain()
        except RunFailedError as error:
            self._trouble(site, "failed", error)
            return
        site.end_at(inspect(site.alias))
        site.learn(Version.NEW)

    def _pre_deploy(self) -> bool:
        """Tell whether all databases are ready for the roll-out."""
        with self._step(say.PRE_DEPLOY):
            done = [self._carry_out(site, "pre_deploy") for site in self.sites]
        return all(done)

    def _carry_out(self, site: RehearsedDatabase, name: str) -> bool:
        noted = Noted(site, self.report)
        with Observer(site.alias, min(BULK, max(self.rows - 1, 0))) as observer:
            migrator = self._migrator(site).watched_by(noted, Observed(observer))
            try:
                getattr(migrator, name)()
            except RunFailedError as error:
                if error.migration:
                    self._trouble(site, "failed", error)
                else:
                    self._trouble(site, "blocked", error)
                    self.report.planned += planned(site)
                return False
        self.report.traffic += observer.traffic
        return True

    def _window(self) -> None:
        with self._step(say.WINDOW):
            for site in self.sites:
                site.predictions.note_window()
                site.meet(Phase.WINDOW)

    def _post_deploy(self) -> list[RehearsedDatabase]:
        """Return the databases on which the deploy came to its end."""
        with self._step(say.POST_DEPLOY):
            done = [site for site in self.sites if self._carry_out(site, "post_deploy")]
        with self._step(say.AFTER):
            for site in done:
                self._compare(site, "schema", site.end_schema)
                site.meet(Phase.AFTER, [Version.NEW])
        return done

    def _compare(self, site: RehearsedDatabase, kind: str, wanted: Any) -> None:
        if wanted is None:
            return
        found = difference(inspect(site.alias), wanted, *say.SIDES[kind])
        if found:
            self.report.troubles.append(DeployProblem(site.alias, kind, found))

    def _revert(self, sites: Sequence[RehearsedDatabase]) -> None:
        with self._step(say.REVERT):
            for site in sites:
                self._unapply(site)

    def _unapply(self, site: RehearsedDatabase) -> None:
        if found := site.irreversible():
            self.report.notes.append(say.irreversible(*found))
            return
        try:
            self._migrator(site).revert(site.plan, site.loader)
        except RunFailedError as error:
            if isinstance(error.__cause__, IntegrityError | DataError):
                self.report.notes.append(
                    say.rows_in_the_way(error.migration, error.text)
                )
            else:
                self._trouble(site, "not reverted", error)
            return
        self._compare(site, "not reverted", site.start_schema)
        site.meet(Phase.REVERTED, [Version.OLD])

    def _contrast(self) -> None:
        """Show what a plain migrate would do to the code now serving."""
        if not self.has_copies:
            return
        with self._step(say.CONTRAST), self._at_start():
            for site in self.sites:
                try:
                    self._migrator(site).plain()
                except RunFailedError as error:
                    self.report.notes.append(say.no_contrast(error.text))
                else:
                    site.meet(Phase.STRAIGHT, [Version.OLD])

    def _note_usual(self) -> None:
        """Name what is left out, for a code cannot do it on its own database."""
        for site in self.sites:
            for version, failures in site.baseline_failures.items():
                if failures:
                    note = say.baseline_failures(NAMES[version], site.alias, failures)
                    self.report.notes.append(note)

    def _migrator(self, site: RehearsedDatabase) -> Migrator:
        return Migrator(self.command_class, site.alias, **self.options)

    def _trouble(
        self, site: RehearsedDatabase, kind: str, error: RunFailedError
    ) -> None:
        name = ".".join(error.migration or ())
        known = {
            (each.database, each.kind, each.migration) for each in self.report.troubles
        }
        if (site.alias, kind, name) not in known:  # a plain migrate fails as well
            path = site.path(error.migration)
            trouble = DeployProblem(site.alias, kind, error.text, name, path)
            self.report.troubles.append(trouble)

    @contextlib.contextmanager
    def _step(self, text: str) -> Iterator[None]:
        self.tell(text)
        began = time.monotonic()
        yield
        self.report.steps.append(Step(text, time.monotonic() - began))
