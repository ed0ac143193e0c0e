"""Random graphs of migrations: whatever is applied in a stage, history stays whole."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.db.migrations.exceptions import CircularDependencyError, NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import SwappableTuple
from django.db.migrations.recorder import MigrationRecorder
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from syzygy_like import Stage
from syzygy_like.executor import ledger
from syzygy_like.executor.context import RunContext, RunHooks
from syzygy_like.executor.errors import Conflict, DeployUnderWayError
from syzygy_like.executor.executor import StagedExecutor
from syzygy_like.executor.record import Record
from syzygy_like.planning.history import full_plan
from tests.support.projects import applied, migration, physical
from tests.support.releases import releases

APPS = ("auth", "blog", "shop")
Draw = Callable[[st.SearchStrategy], Any]
pytestmark = pytest.mark.databases("sqlite")
# A database is no state of the strategies: each example clears it.
with_database = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class MemoryLoader(MigrationLoader):
    """Loads migrations that are in no file."""

    def __init__(self, connection, disk, **options):
        self.disk = disk
        super().__init__(connection, **options)

    def load_disk(self):
        self.disk_migrations = {key: copy.copy(each) for key, each in self.disk.items()}
        self.migrated_apps, self.unmigrated_apps = set(APPS), set()


@dataclasses.dataclass
class Draft:
    """A migration to be."""

    app_label: str
    name: str
    dependencies: list[tuple[str, str]]
    run_before: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    replaces: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    stage: Stage | None = None

    @property
    def key(self):
        return self.app_label, self.name

    def finished(self):
        return migration(**vars(self))


def _first(draw: Draw, app_label: str) -> tuple[str, str]:
    """Return a dependency on the first migration of an app, in one of two ways."""
    if draw(st.booleans()):
        return SwappableTuple((app_label, "__first__"), "AUTH_USER_MODEL")
    return (app_label, "__first__")


def _draft(draw: Draw, drafts: list[Draft]) -> Draft:
    app_label = draw(st.sampled_from(APPS))
    own = [each.key for each in drafts if each.app_label == app_label]
    others = [each.key for each in drafts if each.app_label != app_label]
    dependencies = own[-1:]
    if others:
        dependencies += draw(st.lists(st.sampled_from(others), max_size=2))
        if draw(st.booleans()):
            dependencies.append(_first(draw, draw(st.sampled_from(others))[0]))
    return Draft(app_label, f"{len(own) + 1:04}", dependencies)


def _squash(draw: Draw, drafts: list[Draft]) -> list[Draft]:
    """Squash the first migrations of an app, and let later ones depend on either."""
    app_label = draw(st.sampled_from(APPS))
    own = [each for each in drafts if each.app_label == app_label]
    if len(own) < 2:
        return []
    count = draw(st.integers(2, len(own)))
    replaced = own[:count]
    keys = [each.key for each in replaced]
    outside = [
        key for each in replaced for key in each.dependencies if key[0] != app_label
    ]
    squash = Draft(app_label, f"0001_squashed_{count:04}", outside, replaces=keys)
    if draw(st.booleans()):
        for each in drafts:
            if each not in replaced and keys[-1] in each.dependencies:
                each.dependencies.append(squash.key)
    return [squash]


@st.composite
def graphs(draw: Draw) -> dict[tuple[str, str], Any]:
    """Draw migrations that make up a graph, by key."""
    drafts: list[Draft] = []
    for _ in range(draw(st.integers(2, 9))):
        drafts.append(_draft(draw, drafts))
    for index, each in enumerate(drafts):
        later = [one.key for one in drafts[index + 1 :] if one.app_label != each.key[0]]
        if later and draw(st.integers(0, 3)) == 3:
            each.run_before.append(draw(st.sampled_from(later)))
    drafts += _squash(draw, drafts)
    stages = st.sampled_from([None, Stage.PRE_DEPLOY, Stage.POST_DEPLOY, Stage.ANY])
    for each in drafts:
        each.stage = draw(stages)
    disk = {each.key: each.finished() for each in drafts}
    try:
        MemoryLoader(None, disk)
    except (CircularDependencyError, NodeNotFoundError):  # a squash may well
        assume(False)
    return disk


def executor(alias, disk, stage=None):
    """Return an executor for migrations, Django's if there is no stage."""
    connection = connections[alias]
    if stage is None:
        made = MigrationExecutor(connection)
    else:
        # It applies what is ready, whatever is blocked.
        context = RunContext(stage, skips_blocked=True)
        made = StagedExecutor(connection, context=context, hooks=RunHooks())
    made.loader = MemoryLoader(connection, disk)
    return made


def migrate(alias, disk, stage=None, targets=None):
    """Apply what is ready, and see to it that Django is content with the history."""
    made = executor(alias, disk, stage)
    targets = made.loader.graph.leaf_nodes() if targets is None else targets
    try:
        plan = made.migration_plan(targets)
    except DeployUnderWayError as error:
        assume(error.conflict is not Conflict.SQUASHED)
        raise
    made.migrate(targets, plan=plan)
    loader = MemoryLoader(connections[alias], disk)
    loader.check_consistent_history(connections[alias])
    return [(each.app_label, each.name) for each, _ in plan]


def start(alias, disk, data):
    """Record some first migrations, among them parts of a squash."""
    recorder = MigrationRecorder(connections[alias])
    recorder.ensure_schema()
    kept = ledger.Ledger(connections[alias])
    if kept.is_there:  # of an example before this one
        kept.write(Record())
        kept.close()
    recorder.flush()
    loader = MemoryLoader(None, disk, replace_migrations=False)
    plan = [key for key in full_plan(loader.graph) if not loader.disk[key].replaces]
    count = data.draw(st.integers(0, len(plan)))
    for key in plan[:count]:
        recorder.record_applied(*key)
    try:
        loader = MemoryLoader(connections[alias], disk)
    except NodeNotFoundError:  # a squash that is half applied
        assume(False)
    assume(_is_consistent(loader, connections[alias]))


def _is_consistent(loader, connection):
    try:
        loader.check_consistent_history(connection)
    except Exception:
        return False
    return True


@with_database
@given(graphs(), st.data())
def test_history_stays_consistent_forwards(database, disk, data):
    start(database, disk, data)
    ready = migrate(database, disk, Stage.PRE_DEPLOY)
    assert migrate(database, disk, Stage.PRE_DEPLOY) == []
    migrate(database, disk)
    assert (
        executor(database, disk).migration_plan(
            MemoryLoader(None, disk).graph.leaf_nodes()
        )
        == []
    )
    assert len(set(ready)) == len(ready)


@with_database
@given(graphs(), st.data())
def test_history_stays_consistent_backwards(database, disk, data):
    start(database, disk, data)
    migrate(database, disk)
    app_label = data.draw(st.sampled_from(sorted({key[0] for key in disk})))
    for stage in (Stage.PRE_DEPLOY, Stage.POST_DEPLOY):
        migrate(database, disk, stage, [(app_label, None)])
    migrate(database, disk, targets=[(app_label, None)])


@with_database
@given(graphs(), st.data())
def test_the_order_is_that_of_django(database, disk, data):
    start(database, disk, data)
    made = executor(database, disk)
    leaves = made.loader.graph.leaf_nodes()
    theirs = made.migration_plan(leaves, clean_start=True)
    assert full_plan(made.loader.graph) == [
        (each.app_label, each.name) for each, _ in theirs
    ]


@settings(parent=with_database, max_examples=15)
@given(releases())
def test_both_stages_end_where_one_run_does(databases, database, release):
    outcomes = []
    for stages in ([None], [Stage.PRE_DEPLOY, Stage.POST_DEPLOY, None]):
        databases.empty(database)
        disk = {(each.app_label, each.name): each for each in release.applied}
        migrate(database, disk)
        disk |= {(each.app_label, each.name): each for each in release.pending}
        for stage in stages:
            migrate(database, disk, stage)
        outcomes.append((sorted(applied(database)), physical(database)))
    assert outcomes[0] == outcomes[1]
