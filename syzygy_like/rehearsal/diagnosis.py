"""What failed, why, and which migration is the cause: from findings to the report."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from django.db import transaction
from django.db.migrations import Migration

from syzygy_like.compatibility import Problem, errors
from syzygy_like.compatibility.wording import NEW, OLD, sentence
from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.database import Found, RehearsedDatabase, Trial
from syzygy_like.rehearsal.messages import findings
from syzygy_like.rehearsal.migrate_runs import Migrator, RunFailedError, Watcher
from syzygy_like.rehearsal.predictions import predicted
from syzygy_like.rehearsal.report import (
    Failure,
    Phase,
    Reason,
    Report,
    Unconfirmed,
    Version,
)
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import Workload

NAMES = {Version.OLD: OLD, Version.NEW: NEW}
Sort = tuple[bool, Version, str, str]
AtStart = Callable[[], AbstractContextManager[None]]


class Diagnosis:
    """Finds out about the failures on one database."""

    def __init__(
        self, database: RehearsedDatabase, migrator: Migrator, at_start: AtStart | None
    ):
        self.database = database
        self.migrator = migrator
        self.at_start = at_start
        self.replays: dict[bool, Replay] = {}
        # One of each sort stands for the others.
        self.trials: dict[Sort, Trial] = {}
        # The tables on which something failed that was predicted.
        self.failing: set[tuple[Version, Phase, str]] = set()

    def report(self, report: Report) -> None:
        """Add what failed, and what was predicted in vain."""
        self._replay()
        folded: dict[tuple[object, ...], Failure] = {}
        for found in self.database.found:
            failure = self._failure(found)
            key = (
                failure.version,
                failure.phase,
                failure.model,
                failure.migration,
                failure.reason,
            )
            if key in folded:
                others = (*folded[key].others, failure.action)
                failure = dataclasses.replace(folded[key], others=others)
            folded[key] = failure
        report.failures += folded.values()
        report.unconfirmed += self._unconfirmed()

    def _replay(self) -> None:
        """Go through a plain migrate and through a staged one, if anything failed."""
        for found in self.database.found:
            self.trials.setdefault(_sort(found), found.trial)
        for plain in (False, True):
            trials = {trial for sort, trial in self.trials.items() if sort[0] == plain}
            if trials and self.at_start:
                workloads = self.database.workloads
                if plain:  # after a plain migrate the old version is alone
                    workloads = {Version.OLD: workloads[Version.OLD]}
                with self.at_start():
                    idle = self.database.predictions.idle
                    replay = Replay(workloads, trials, idle, self.database.number)
                    replay.run(self.migrator, staged=not plain)
                self.replays[plain] = replay

    def _blame(self, found: Found) -> tuple[Key | None, FailedAction]:
        """Return the migration that is to blame, and what it made fail."""
        replay = self.replays.get(found.phase is Phase.PLAIN)
        if replay is None:
            return None, found.failure
        cause, failure = replay.cause(self.trials[_sort(found)], found.phase)
        return cause, failure or found.failure

    def _failure(self, found: Found) -> Failure:
        cause, failure = self._blame(found)
        problem = self._problem(found, failure) or self._problem(found, found.failure)
        if cause is None and problem:  # as where nothing fixes it
            cause = self.database.predictions.cause(found.version, problem)
        fix = self._fix(found.version, cause) if problem and cause else ""
        return Failure(
            self.database.alias,
            found.version,
            found.phase,
            found.failure.model,
            found.failure.action,
            f"{type(failure.error).__name__}: {str(failure.error).strip()}",
            failure.sql,
            ".".join(cause or ()),
            self.database.path(cause),
            _as_reason(problem, found.version, fix) if problem else None,
        )

    def _problem(self, found: Found, failure: FailedAction) -> Problem | None:
        problems = self._problems(found.version, found.phase)
        problem = predicted(failure, problems, self.database.apps[found.version])
        if problem:
            self.failing.add((found.version, found.phase, problem.table))
        return problem

    @functools.cache  # noqa: B019 - a diagnosis does not live long
    def _problems(self, version: Version, phase: Phase) -> list[Problem]:
        return self.database.predictions.problems(version, phase)

    @functools.cache  # noqa: B019
    def _fix(self, version: Version, cause: Key) -> str:
        name, predictions = ".".join(cause), self.database.predictions
        source = predictions.set_by(cause)
        if version is Version.NEW:
            return findings.too_late(name, source)
        inferred, explanation = predictions.inferred(cause), predictions.explain(cause)
        if inferred is None or explanation is None:
            return ""
        return findings.too_early(name, source, inferred, explanation)

    def _unconfirmed(self) -> Iterator[Unconfirmed]:
        """Yield what was sure to fail in a phase in which something was tried."""
        for version, phase in self.database.phases:
            for problem in errors(self._problems(version, phase)):
                # A query fails for one reason, and hides the others.
                if (version, phase, problem.table) not in self.failing:
                    reason = _as_reason(problem, version)
                    yield Unconfirmed(self.database.alias, version, phase, reason)


def _sort(found: Found) -> Sort:
    """Return what failures have in common that have the same cause."""
    failure = found.failure
    error = f"{type(failure.error).__name__}: {failure.error}".partition("\n")[0]
    return found.phase is Phase.PLAIN, found.version, failure.model, error


def _as_reason(problem: Problem, version: Version, fix: str = "") -> Reason:
    text = sentence(problem, NAMES[version]).removesuffix(f" [{problem.rule}]")
    return Reason(problem.rule, text, fix, problem.hazard)


class Replay(Watcher):
    """
    Goes the same way again, and checks after each migration what fails by then.

    The database has to be where the deploy begins. ``idle`` are migrations after which
    there is nothing new to see.
    """

    def __init__(
        self,
        workloads: Mapping[Version, Workload],
        trials: Collection[Trial],
        idle: Collection[Key],
        number: int,
    ):
        self.workloads = workloads
        self.trials = trials
        self.idle = idle
        self.number = number
        self.keys: list[Key | None] = [None]
        self.failing: list[dict[Trial, FailedAction]] = []
        self.window = 0

    def run(self, migrator: Migrator, staged: bool) -> None:
        """Apply everything, in stages or not, as far as it goes."""
        self.failing.append(self._look())
        watched = migrator.watched_by(self)
        try:
            if staged:
                watched.pre_deploy()
                self.window = len(self.failing) - 1
                watched.post_deploy()
            else:
                watched.plain()
        except RunFailedError:
            return  # which the rehearsal has reported

    def ended(self, migration: Migration) -> None:
        """Look what fails now."""
        key = (migration.app_label, migration.name)
        self.keys.append(key)
        self.failing.append(self.failing[-1] if key in self.idle else self._look())

    def _look(self) -> dict[Trial, FailedAction]:
        found: dict[Trial, FailedAction] = {}
        for version, workload in self.workloads.items():
            only = {trial[1:] for trial in self.trials if trial[0] is version}
            if only:
                failures = [
                    *workload.own_rows(self.number, only),
                    *self._shared_rows(workload, only),
                ]
                for each in failures:
                    found.setdefault((version, each.model, each.action), each)
        return found

    def _shared_rows(
        self, workload: Workload, only: Collection[tuple[str, str]]
    ) -> list[FailedAction]:
        # With rows of both, which are not to be there for the next migration.
        with transaction.atomic(using=workload.alias):
            number = self.number
            for each in self.workloads.values():
                number = each.write(number)
            failures = workload.shared_rows(number, only)
            transaction.set_rollback(True, using=workload.alias)
        return failures

    def cause(
        self, trial: Trial, phase: Phase
    ) -> tuple[Key | None, FailedAction | None]:
        """
        Return the migration that is to blame, and how it failed by then.

        None for what cannot be told.
        """
        at = self.window if phase is Phase.WINDOW else len(self.failing) - 1
        fails = [trial in each for each in self.failing]
        begins = _last_change(fails[: at + 1])
        if begins is not None:
            return self.keys[begins], self.failing[begins][trial]
        if not fails[at]:
            return None, None
        # It has failed from the start: what fixes it comes too late.
        fixed = next((n for n in range(at, len(fails)) if not fails[n]), None)
        key = self.keys[fixed] if fixed is not None else None
        return key, self.failing[at][trial]


def _last_change(fails: Sequence[bool]) -> int | None:
    """Return the last position at which something began to fail that still does."""
    if not fails[-1] or all(fails):
        return None
    return max(n for n, each in enumerate(fails) if not each) + 1
