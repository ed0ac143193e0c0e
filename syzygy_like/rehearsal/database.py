"""One database of a rehearsal, and what two versions of the code do with it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.inspection import inspect
from syzygy_like.rehearsal.inspection.changes import changes
from syzygy_like.rehearsal.predictions import Predictions
from syzygy_like.rehearsal.report import Phase, Version
from syzygy_like.rehearsal.starting_point.applying import pending
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import Workload, new_failures

# Both work in this order; each meets rows of the other.
VERSIONS = (Version.OLD, Version.NEW)


@dataclasses.dataclass(frozen=True)
class Found:
    """Something that a version could not do at a moment."""

    version: Version
    phase: Phase
    failure: FailedAction

    @property
    def trial(self) -> tuple[Version, str, str]:
        """What was tried, and by whom."""
        return self.version, self.failure.model, self.failure.action


class RehearsedDatabase:
    """
    A database at the start of a deploy, with the models of both versions.

    ``rows`` is how many rows of each model the old code has written there;
    ``progress`` is called with the label of a model as its work begins.
    """

    def __init__(
        self,
        alias: str,
        rows: int,
        everything: bool,
        progress: Callable[[str], None] | None = None,
    ):
        self.alias = alias
        self.progress = progress
        self.everything = everything
        self.loader = loader = MigrationLoader(connections[alias])
        self.plan: list[Migration] = [migration for migration, _ in pending(alias)]
        self.predictions = Predictions(alias, self.plan)
        applied = self.predictions.applied
        self.apps = {
            Version.OLD: loader.project_state(applied).apps,
            Version.NEW: loader.project_state().apps,
        }
        self.codes = {
            each: Workload(self.apps[each], alias, progress=progress)
            for each in VERSIONS
        }
        self.number = self.codes[Version.OLD].write(1, rows) if rows else 1
        self.start_schema = inspect(alias)
        self.end_schema: dict[str, Any] | None = None
        self.baseline_failures: dict[Version, list[FailedAction]] = {}
        self.found: list[Found] = []
        self.moments: list[tuple[Version, Phase]] = []

    def end_at(self, schema: dict[str, Any]) -> None:
        """
        Take a schema for the end of the deploy.

        From now on look at what leads there, and only briefly at other tables.
        """
        self.end_schema = schema
        if self.everything:
            return
        focus = changes(self.start_schema, schema, self.predictions.tables)
        surprises = any(step.opaque for step in self.predictions.steps)
        beside: set[str] = set()
        for _ in VERSIONS:  # what one refers to the other may have to delete
            for version, apps in self.apps.items():
                code = Workload(
                    apps, self.alias, focus, surprises, beside, self.progress
                )
                beside |= code.near_tables
                self.codes[version] = code

    def learn(self, version: Version) -> None:
        """Note what a version cannot do on its own database either."""
        code = self.codes[version]
        failures = code.alone(self.number)
        self.number = code.write(self.number)
        self.baseline_failures[version] = [*failures, *code.together(self.number)]

    def meet(self, phase: Phase, versions: Sequence[Version] = VERSIONS) -> None:
        """Let versions work on the database, each with rows of the other, too."""
        failures = {each: self.codes[each].alone(self.number) for each in versions}
        for each in versions:
            self.number = self.codes[each].write(self.number)
        for each in versions:
            failures[each] += self.codes[each].together(self.number)
        for version, several in failures.items():
            self.moments.append((version, phase))
            new = new_failures(several, self.baseline_failures.get(version, []))
            self.found += [Found(version, phase, each) for each in new]

    def path(self, key: Key | None) -> str:
        """Return the file of a pending migration, nothing if it has none."""
        for migration in self.plan:
            if (migration.app_label, migration.name) == key:
                module = sys.modules.get(type(migration).__module__)
                return getattr(module, "__file__", None) or ""
        return ""

    def irreversible(self) -> tuple[Migration, str] | None:
        """Return the last migration that cannot be unapplied, and the operation."""
        for migration in reversed(self.plan):
            for operation in migration.operations:
                if not operation.reversible:
                    return migration, operation.describe()
        return None
