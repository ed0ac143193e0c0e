"""Where new code may read NULL in the window though its models have none."""

from __future__ import annotations

import django
import pytest

from syzygy_like.compatibility import incompatibilities
from syzygy_like.expand_contract.bridge.locations import TableIndex
from syzygy_like.makemigrations import autodetector
from syzygy_like.schema import Schema, always
from tests.changes import CHANGES
from tests.changes.change import EVERYWHERE
from tests.support.deployment_projects import copy, run, write_models
from tests.support.projects import Project


@pytest.fixture
def bridges(monkeypatch):
    """What bridges are found: for which new state and omission, and what they are."""
    found = []

    def bridge(old, new, database_defaults, *args):
        made = original(old, new, database_defaults, *args)
        found.append((new, database_defaults, made))
        return made

    original = autodetector.bridge
    monkeypatch.setattr(autodetector, "bridge", bridge)
    return found


def split(change, folder, bridges):
    """Return what there is between the models of a change, None if it is not split."""
    bridges.clear()
    old = Project(folder / f"{change}-1")
    write_models(old, change.before)
    assert run(old, "makemigrations")[0] == 0
    new = copy(old, f"{change}-2")
    write_models(new, change.after)
    run(new, "makemigrations", answers=change.answers)
    return bridges[-1] if bridges and bridges[-1][2].mixed else None


def null_reads(new, database_defaults, between):
    """Return the columns of which new code may read NULL."""
    code, database = (
        Schema(TableIndex(state, always, database_defaults.unsigned, {}).tables)
        for state in (new, between.state)
    )
    found = incompatibilities(code, database)
    return [each.column for each in found if each.rule == "null-read"]


@pytest.mark.parametrize("vendor", EVERYWHERE)
def test_null_is_read_where_the_catalogue_says_so_and_nowhere_else(
    vendor, bridges, tmp_path, monkeypatch, django_db_blocker
):
    monkeypatch.setattr("syzygy_like.planning.database._vendors", lambda: {vendor})
    made = {}
    with django_db_blocker.unblock():  # makemigrations looks what is applied
        for change in CHANGES:
            if is_possible(change, vendor):
                made[change.name] = split(change, tmp_path, bridges)
    found = {name for name, each in made.items() if each and null_reads(*each)}
    expected = {each.name for each in CHANGES if vendor in each.nulls}
    assert found == expected & made.keys()


def is_possible(change, vendor):
    only_one = len(change.databases) == 1 and vendor not in change.databases
    return change.min_django <= django.VERSION and not only_one
