"""Rehearsals of deploys in parts, and of those that are under way."""

from __future__ import annotations

import pytest

from syzygy_like import Stage
from tests.support.orders import (
    PRE,
    REQUIRED,
    add,
    alter,
    ledger,
    remove,
    started,
    write,
)
from tests.support.projects import applied, physical
from tests.support.rehearsals import rehearse


@pytest.fixture
def shop(project, database):
    found = started(project, database, "")
    found.settings = {"MIGRATION_BRIDGE": "all"}
    return found


@pytest.fixture
def parts(shop):
    """A migration in parts, and one that overtakes it."""
    write(shop, add("size", REQUIRED), remove("note"), add("total"))
    return shop


def test_parts_are_clean(parts, database):
    """The end is that of a plain migrate, so that the ledger's table is gone."""
    found = rehearse(parts, database)
    assert found.is_clean, found
    assert found.outcomes["shop.0002"] == [
        "pre-deploy, expand",
        "post-deploy, contract",
    ]
    assert found.outcomes["shop.0004"][0].startswith("pre-deploy")
    assert found.report["notes"] == []


@pytest.mark.parametrize("bridge", [True, False])
def test_the_options_win_over_the_setting(parts, database, bridge):
    parts.settings = {"MIGRATION_BRIDGE": "none" if bridge else "all"}
    found = rehearse(parts, database, bridge=bridge)
    assert found.is_clean == bridge, found
    assert (("blocked", "") in found.deploy_problems) == (not bridge)


def test_what_is_blocked_may_be_skipped(shop, database):
    """The new version does not run without it, as had been predicted."""
    write(shop, add("size", REQUIRED))
    found = rehearse(shop, database, bridge=False, skip_blocked=True)
    assert found.code == 1
    assert {each["version"] for each in found.report["failures"]} == {"new"}
    assert {each["migration"] for each in found.report["failures"]} == {"shop.0002"}


def test_a_deploy_that_is_under_way(parts, database):
    """It is played as a whole, and the real one stays under way."""
    parts.migrate(PRE, database=database, verbosity=0)
    before = physical(database), applied(database), ledger(database)
    found = rehearse(parts, database)
    assert found.is_clean, found
    assert "under way" in found.report["notes"][0]
    assert "shop.0002" in found.outcomes
    assert (physical(database), applied(database), ledger(database)) == before


def test_parts_that_change_rows(shop, database):
    write(shop, alter("price", REQUIRED), add("weight", REQUIRED))
    found = rehearse(shop, database)
    assert found.is_clean, found


def test_a_stage_by_hand_beside_parts(parts, database):
    parts.write("shop", "0005", add("late"), stage=Stage.POST_DEPLOY)
    found = rehearse(parts, database)
    assert found.code == 1
    assert {each["migration"] for each in found.report["failures"]} == {"shop.0005"}
    assert {each["version"] for each in found.report["failures"]} == {"new"}
