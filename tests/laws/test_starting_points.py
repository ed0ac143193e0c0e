"""Random graphs of migrations: a start is where Django would have been."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from django.db import connections
from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from hypothesis import assume, given
from hypothesis import strategies as st

from syzygy_like.management.commands.migrate import Command
from syzygy_like.rehearsal.starting_point import names
from syzygy_like.rehearsal.starting_point.applying import apply_start, pending
from syzygy_like.rehearsal.starting_point.recorded import RecordedLoader
from syzygy_like.rehearsal.starting_point.start import from_database, from_names
from tests.laws.test_plans import APPS, graphs, start, with_database

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def install(monkeypatch):
    """Return a function that lets every loader find certain migrations."""

    def install(disk):
        def load_disk(self):
            self.disk_migrations = {key: copy.copy(disk[key]) for key in disk}
            self.migrated_apps, self.unmigrated_apps = set(APPS), set()

        monkeypatch.setattr(MigrationLoader, "load_disk", load_disk)
        # Only what this module sees: Django's own registry has to stay as it is.
        apps = SimpleNamespace(app_configs=dict.fromkeys(APPS), get_app_configs=list)
        monkeypatch.setattr(names, "apps", apps)

    return install


def graph(loader):
    nodes = loader.graph.node_map
    return {key: {each.key for each in nodes[key].parents} for key in nodes}


def plan(alias):
    return [
        (each.app_label, each.name, backwards) for each, backwards in pending(alias)
    ]


@with_database
@given(graphs(), st.data())
def test_an_opened_database_is_where_the_real_one_was(database, install, disk, data):
    start(database, disk, data)
    install(disk)
    recorder = MigrationRecorder(connections[database])
    found = from_database(database)
    assert found.applied == set(recorder.applied_migrations())
    assert found.notes == ()
    real, planned = graph(MigrationLoader(connections[database])), plan(database)
    recorder.flush()
    apply_start(found, database, Command)
    assert set(recorder.applied_migrations()) == found.applied
    assert graph(MigrationLoader(connections[database])) == real
    assert plan(database) == planned


@with_database
@given(graphs(), st.data())
def test_a_name_is_where_django_goes_back_to(database, install, disk, data):
    install(disk)
    recorder = MigrationRecorder(connections[database])
    recorder.ensure_schema()
    recorder.flush()
    label, name = data.draw(st.sampled_from(sorted(disk)))
    none = data.draw(st.booleans())
    try:
        found = from_names([f"{label}.{'zero' if none else name}"])
        for target in (None, (label, None if none else name)):
            executor = MigrationExecutor(connections[database])
            executor.migrate([target] if target else executor.loader.graph.leaf_nodes())
        django = RecordedLoader(recorder.applied_migrations())
    except NodeNotFoundError:  # a squash that cannot be half applied
        assume(False)
    assert found.notes == ()
    assert RecordedLoader(found.applied).applied_migrations.keys() == (
        django.applied_migrations.keys()
    )
