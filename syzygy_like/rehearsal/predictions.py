"""What the rules say of two versions on a database that is on its way."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Collection, Iterable, Mapping

from django.apps import apps
from django.apps.registry import Apps
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from syzygy_like.compatibility import Problem, incompatibilities
from syzygy_like.compatibility.wording import most_telling
from syzygy_like.executor.deploy import Deploy
from syzygy_like.executor.ledger import Ledger
from syzygy_like.planning.database import Database
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import History, Key
from syzygy_like.planning.policy import current_policy
from syzygy_like.planning.resolver import Resolution, advance, explicit, fold, infer
from syzygy_like.rehearsal.report import Phase, Version
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import touched
from syzygy_like.schema import Schema, Table, TableBuilder
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import StageSource


class Predictions:
    """
    Knows what will fail, by the rules alone.

    Made while the database is at the start of a deploy, with the migrations that it
    has in store, in order.
    """

    def __init__(self, alias: str, pending: Collection[Migration]):
        self.alias = alias
        self.history = self._history()
        self.applied = self.history.applied
        tracker = self.history.at(self.applied)
        self.start = tracker.schemas
        self.steps = self.history.forwards(tracker, pending)
        self._built: Schema | None = None

    def _history(self) -> History:
        loader = MigrationLoader(connections[self.alias])
        return History(loader, Database(self.alias))

    @functools.cached_property
    def pairs(self) -> list[SchemaPair]:
        """The schemas at the start, and after each migration."""
        return [*itertools.accumulate(self.steps, advance, initial=self.start)]

    @property
    def end(self) -> SchemaPair:
        """The schemas when everything is applied."""
        return self.pairs[-1]

    @property
    def tables(self) -> frozenset[str]:
        """The names of the tables that the migrations change."""
        return frozenset().union(*(tracked.tables for tracked in self.steps))

    @property
    def idle(self) -> set[Key]:
        """The migrations that change nothing, neither in the schema nor elsewhere."""
        return {each.key for each in self.steps if not (each.tables or each.opaque)}

    def note_window(self) -> None:
        """Take what the database has now for what it has in the window."""
        history = self._history()
        deploy = Deploy(history, Ledger(connections[self.alias]))
        if deploy.is_under_way:
            self._built = deploy.replay()[0].database
        else:
            # A squash may have taken their place in the graph.
            there = MigrationRecorder(connections[self.alias]).applied_migrations()
            done = [tracked.database for tracked in self.steps if tracked.key in there]
            self._built = fold(done, self.start.database)

    def problems(self, version: Version, phase: Phase) -> list[Problem]:
        """Return what a version cannot do in a phase, but could do before."""
        code, own = self.start.code, self.start.database
        if version is Version.NEW:
            code, own = self.end.code, self.end.database
        code, own, database, before = (
            Schema({**self._unmigrated, **each.tables})
            for each in (code, own, self._database(phase), self.start.database)
        )
        known = set(incompatibilities(code, own))
        found = incompatibilities(code, database, before=before)
        return [each for each in found if each not in known]

    @functools.cached_property
    def _unmigrated(self) -> Mapping[str, Table]:
        """The tables of apps without migrations, which others may refer to."""
        labels = self.history.loader.unmigrated_apps
        state = ProjectState.from_apps(apps)
        builder = TableBuilder(state, self.history.database.has)
        keys = [key for key in state.models if key[0] in labels]
        return {
            name: each for key in keys for name, each in builder.tables(key).items()
        }

    def _database(self, phase: Phase) -> Schema:
        if phase is Phase.WINDOW and self._built is not None:
            return self._built
        if phase is Phase.REVERTED:
            return self.start.database
        return self.end.database

    def cause(self, version: Version, problem: Problem) -> Key | None:
        """Return what brings a problem to the old version, or takes it from the new."""
        code = (self.start if version is Version.OLD else self.end).code
        there = [
            problem
            in incompatibilities(
                code, each.database, self.start.database, [problem.table]
            )
            for each in self.pairs
        ]
        for tracked, before, after in zip(self.steps, there, there[1:], strict=False):
            if before != after:
                return tracked.key
        return None

    def inferred(self, key: Key) -> Resolution | None:
        """Return the stage that a migration has by what it does, if it is pending."""
        tracked = self.tracked(key)
        return (
            infer(tracked, self.pairs[self.steps.index(tracked)]) if tracked else None
        )

    def set_by(self, key: Key) -> StageSource | None:
        """Return where the stage of a pending migration was set by hand, if it was."""
        tracked = self.tracked(key)
        found = explicit(tracked, current_policy()) if tracked else None
        return found.source if found else None

    def tracked(self, key: Key) -> TrackedMigration | None:
        """Return what a pending migration does."""
        return next((tracked for tracked in self.steps if tracked.key == key), None)

    def explain(self, key: Key) -> Explanation | None:
        """Explain why a pending migration fits no stage, if it is pending."""
        tracked = self.tracked(key)
        if tracked is None:
            return None
        earlier = [each.key for each in self.steps[: self.steps.index(tracked)]]
        tracker = self.history.at([*self.applied, *earlier])
        return self.history.explain(tracker, tracked.migration)


def predicted(
    failure: FailedAction, problems: Iterable[Problem], apps: Apps
) -> Problem | None:
    """
    Return the problem that had predicted a failure, None if none had.

    It is one of a table that the failed query or its error names, or that the model
    has; one of a column that is named goes before others, and one that always makes
    queries fail before a hazard.
    """
    text = f"{failure.sql} {failure.error}"
    own = touched(apps.get_model(failure.model))
    near = [each for each in problems if each.table in own or _named(each.table, text)]
    by_column = [each for each in near if each.column and _named(each.column, text)]
    for wanted in (
        [each for each in by_column if _named(each.table, text)],
        by_column,
        [each for each in near if each.table in own],
        near,
    ):
        if wanted:
            certain = [each for each in wanted if not each.hazard]
            return most_telling(certain or wanted)
    return None


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
