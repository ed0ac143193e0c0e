"""One database of a rehearsal, and what both versions do with it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence

from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.inspection import Schema, changes, inspect
from syzygy_like.rehearsal.predictions import Predictions
from syzygy_like.rehearsal.report import Phase, Version
from syzygy_like.rehearsal.starting_point.applying import pending
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import Workload, new_failures

# Both work in this order; each meets rows of the other.
VERSIONS = (Version.OLD, Version.NEW)
# What is tried, and by which version: label of the model, and action.
Trial = tuple[Version, str, str]


@dataclasses.dataclass(frozen=True)
class Found:
    """Something that a version could not do in a phase."""

    version: Version
    phase: Phase
    failure: FailedAction

    @property
    def trial(self) -> Trial:
        """What was tried, and by which version."""
        return self.version, self.failure.model, self.failure.action


class RehearsedDatabase:
    """
    A database at the start of a deploy, with the models of both versions.

    ``rows`` is how many rows of each model the old version has written there;
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
        self.workloads = {
            each: Workload(self.apps[each], alias, progress=progress)
            for each in VERSIONS
        }
        self.number = self.workloads[Version.OLD].write(1, rows) if rows else 1
        self.start_schema = inspect(alias)
        self.end_schema: Schema | None = None
        self.baseline_failures: dict[Version, list[FailedAction]] = {}
        self.found: list[Found] = []
        self.phases: list[tuple[Version, Phase]] = []

    def set_end_schema(self, schema: Schema) -> None:
        """
        Take a schema for the end of the deploy.

        From now on look at what leads there, and only briefly at other tables.
        """
        self.end_schema = schema
        if self.everything:
            return
        focus = changes(self.start_schema, schema, self.predictions.tables)
        has_opaque = any(step.opaque for step in self.predictions.steps)
        beside: set[str] = set()
        for _ in VERSIONS:  # what one refers to the other may have to delete
            for version, apps in self.apps.items():
                workload = Workload(
                    apps, self.alias, focus, has_opaque, beside, self.progress
                )
                beside |= workload.near_tables
                self.workloads[version] = workload

    def note_baseline(self, version: Version) -> None:
        """Note what a version cannot do on its own database either."""
        workload = self.workloads[version]
        failures = workload.own_rows(self.number)
        self.number = workload.write(self.number)
        self.baseline_failures[version] = [
            *failures,
            *workload.shared_rows(self.number),
        ]

    def run_workloads(
        self, phase: Phase, versions: Sequence[Version] = VERSIONS
    ) -> None:
        """Let versions work on the database, each with rows of the other, too."""
        failures = {
            each: self.workloads[each].own_rows(self.number) for each in versions
        }
        for each in versions:
            self.number = self.workloads[each].write(self.number)
        for each in versions:
            failures[each] += self.workloads[each].shared_rows(self.number)
        for version, several in failures.items():
            self.phases.append((version, phase))
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
