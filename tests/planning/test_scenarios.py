"""Each scenario's stage, as inferred and as real code on real databases finds it."""

from __future__ import annotations

import pytest
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.planning.resolver import infer
from syzygy_like.rehearsal.workload.actions import own_rows, shared_rows
from syzygy_like.rehearsal.workload.rows import tables, typical
from syzygy_like.schema import always
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.tracking import TrackedState, Tracker
from syzygy_like.stages import Stage
from tests.scenarios import SCENARIOS, Scenario
from tests.support.workload import populate, rehearse

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)


def migration(app_label: str, operations) -> Migration:
    made = Migration("0001_initial", app_label)
    made.operations = operations
    return made


def inferred(scenario: Scenario):
    tracker = Tracker(TrackedState(), always)
    reader = Reader()
    reader.read(tracker, migration("shop", scenario.before))
    schemas = tracker.schemas
    return infer(
        reader.read(tracker, migration(scenario.app_label, scenario.operations)),
        schemas,
    )


def rules(problems) -> set[str]:
    return {problem.rule for problem in problems}


def test_names_are_unique():
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)


@each_scenario
def test_the_stage_is_inferred(scenario):
    resolution = inferred(scenario)
    assert rules(resolution.before) == scenario.breaks
    assert rules(resolution.after) == scenario.lacks
    assert resolution.stage == scenario.stage


class Deployment:
    """The database of a scenario, with rows that the old version wrote."""

    def __init__(self, scenario: Scenario, alias: str):
        self.scenario = scenario
        self.alias = alias
        self.old = self.apply("shop", scenario.before, ProjectState())
        self.start = 1
        if not scenario.backfill:
            self.start = populate(self.old.apps, alias, fills=[typical])
        # Not a clone: that would take over the models rendered for the old version.
        self.new = ProjectState(
            {key: model.clone() for key, model in self.old.models.items()}
        )
        self.migration.mutate_state(self.new, preserve=False)

    @property
    def migration(self) -> Migration:
        return migration(self.scenario.app_label, self.scenario.operations)

    def migrate(self) -> None:
        self.apply(self.scenario.app_label, self.scenario.operations, self.old.clone())

    def apply(self, app_label: str, operations, state: ProjectState) -> ProjectState:
        with connections[self.alias].schema_editor() as editor:
            return migration(app_label, operations).apply(state, editor)

    def failures(self, code: ProjectState) -> list:
        used = tables(code.apps, self.alias)
        return [
            *rehearse(used, self.alias, own_rows, self.start),
            *rehearse(used, self.alias, shared_rows, self.start),
        ]


def enforces(alias: str) -> bool:
    """Tell whether code always fails on an incompatible database of this vendor."""
    return connections[alias].vendor == "postgresql"


@pytest.mark.databases("sqlite", "postgresql")
@each_scenario
def test_the_old_code_agrees(database, scenario):
    deployment = Deployment(scenario, database)
    deployment.migrate()
    failures = deployment.failures(deployment.old)
    if Stage.PRE_DEPLOY in scenario.stage or not scenario.breaks:
        assert failures == []
    elif enforces(database):
        assert failures


@pytest.mark.databases("sqlite", "postgresql")
@each_scenario
def test_the_new_code_agrees(database, scenario):
    deployment = Deployment(scenario, database)
    failures = deployment.failures(deployment.new)
    if Stage.POST_DEPLOY in scenario.stage or not scenario.lacks:
        assert failures == []
    elif enforces(database):
        assert failures
