"""What failed, why, and by which migration: from what is found to what is reported."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from syzygy_like.compatibility import Problem, errors
from syzygy_like.compatibility.wording import NEW, OLD, sentence
from syzygy_like.rehearsal.database import Found, RehearsedDatabase
from syzygy_like.rehearsal.matching import predicted
from syzygy_like.rehearsal.messages import fixes
from syzygy_like.rehearsal.migrate_runs import Key, Migrator
from syzygy_like.rehearsal.replay import Replay, Trial
from syzygy_like.rehearsal.report import (
    Failure,
    Phase,
    Reason,
    Report,
    Unconfirmed,
    Version,
)
from syzygy_like.rehearsal.workload.runner import FailedAction

NAMES = {Version.OLD: OLD, Version.NEW: NEW}
Sort = tuple[bool, Version, str, str]
AtStart = Callable[[], AbstractContextManager[Any]]


class Diagnosis:
    """Finds out about the failures on one database."""

    def __init__(
        self, site: RehearsedDatabase, migrator: Migrator, at_start: AtStart | None
    ):
        self.site = site
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
        folded: dict[tuple[Any, ...], Failure] = {}
        for found in self.site.found:
            failure = self._mishap(found)
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
        for found in self.site.found:
            self.trials.setdefault(_sort(found), found.trial)
        for straight in (False, True):
            trials = {
                trial for sort, trial in self.trials.items() if sort[0] == straight
            }
            if trials and self.at_start:
                codes = self.site.codes
                if straight:  # after a plain migrate the old code is alone
                    codes = {Version.OLD: codes[Version.OLD]}
                with self.at_start():
                    idle = self.site.predictions.idle
                    replay = Replay(codes, trials, idle, self.site.number)
                    replay.run(self.migrator, staged=not straight)
                self.replays[straight] = replay

    def _blame(self, found: Found) -> tuple[Key | None, FailedAction]:
        """Return the migration that is to blame, and what it made fail."""
        replay = self.replays.get(found.phase is Phase.STRAIGHT)
        if replay is None:
            return None, found.failure
        cause, failure = replay.cause(self.trials[_sort(found)], found.phase)
        return cause, failure or found.failure

    def _mishap(self, found: Found) -> Failure:
        cause, failure = self._blame(found)
        problem = self._problem(found, failure) or self._problem(found, found.failure)
        if cause is None and problem:  # as where nothing mends it
            cause = self.site.predictions.cause(found.version, problem)
        fix = self._fix(found.version, cause) if problem and cause else ""
        return Failure(
            self.site.alias,
            found.version,
            found.phase,
            found.failure.model,
            found.failure.action,
            f"{type(failure.error).__name__}: {str(failure.error).strip()}",
            failure.sql,
            ".".join(cause or ()),
            self.site.path(cause),
            _as_reason(problem, found.version, fix) if problem else None,
        )

    def _problem(self, found: Found, failure: FailedAction) -> Problem | None:
        problems = self._problems(found.version, found.phase)
        problem = predicted(failure, problems, self.site.apps[found.version])
        if problem:
            self.failing.add((found.version, found.phase, problem.table))
        return problem

    @functools.cache  # noqa: B019 - a judge does not live long
    def _problems(self, version: Version, phase: Phase) -> list[Problem]:
        return self.site.predictions.problems(version, phase)

    @functools.cache  # noqa: B019
    def _fix(self, version: Version, cause: Key) -> str:
        name, predictions = ".".join(cause), self.site.predictions
        source = predictions.set_by(cause)
        if version is Version.NEW:
            return fixes.too_late(name, source)
        inferred, explanation = predictions.inferred(cause), predictions.explain(cause)
        if inferred is None or explanation is None:
            return ""
        return fixes.too_early(name, source, inferred, explanation)

    def _unconfirmed(self) -> Iterator[Unconfirmed]:
        """Yield what was sure to fail at a moment when something was tried."""
        for version, phase in self.site.moments:
            for problem in errors(self._problems(version, phase)):
                # A query fails for one reason, and hides the others.
                if (version, phase, problem.table) not in self.failing:
                    reason = _as_reason(problem, version)
                    yield Unconfirmed(self.site.alias, version, phase, reason)


def _sort(found: Found) -> Sort:
    """Return what failures have in common that have the same cause."""
    failure = found.failure
    error = f"{type(failure.error).__name__}: {failure.error}".partition("\n")[0]
    return found.phase is Phase.STRAIGHT, found.version, failure.model, error


def _as_reason(problem: Problem, version: Version, fix: str = "") -> Reason:
    text = sentence(problem, NAMES[version]).removesuffix(f" [{problem.rule}]")
    return Reason(problem.rule, text, fix, problem.hazard)
