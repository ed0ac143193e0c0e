"""Rehearsals of deploys in halves, and of those that are under way."""

from __future__ import annotations

import pytest

from syzygy_like import Stage
from tests.support.orders import PRE, REQUIRED, add, alter, ledger, remove, write
from tests.support.projects import applied, physical
from tests.support.rehearsals import begun, rehearse


@pytest.fixture
def shop(project, database):
    found = begun(project, database)
    found.settings = {"MIGRATION_BRIDGE": "all"}
    return found


@pytest.fixture
def halves(shop):
    """A migration in halves, and one that overtakes it."""
    write(shop, add("size", REQUIRED), remove("note"), add("total"))
    return shop


def test_halves_are_clean(halves, database):
    """The end is that of a plain migrate, so that the ledger's table is gone."""
    found = rehearse(halves, database)
    assert found.is_clean, found
    assert found.outcomes["shop.0002"] == [
        "pre-deploy, expand",
        "post-deploy, contract",
    ]
    assert found.outcomes["shop.0004"][0].startswith("pre-deploy")
    assert found.report["notes"] == []


@pytest.mark.parametrize("bridge", [True, False])
def test_the_options_win_over_the_setting(halves, database, bridge):
    halves.settings = {"MIGRATION_BRIDGE": "none" if bridge else "all"}
    found = rehearse(halves, database, bridge=bridge)
    assert found.is_clean == bridge, found
    assert (("blocked", "") in found.troubles) == (not bridge)


def test_what_is_blocked_may_be_skipped(shop, database):
    """The new code does not run without it, as had been predicted."""
    write(shop, add("size", REQUIRED))
    found = rehearse(shop, database, bridge=False, skip_blocked=True)
    assert found.code == 1
    assert {each["version"] for each in found.report["mishaps"]} == {"new"}
    assert {each["migration"] for each in found.report["mishaps"]} == {"shop.0002"}


def test_a_deploy_that_is_under_way(halves, database):
    """It is played as a whole, and the real one stays under way."""
    halves.migrate(PRE, database=database, verbosity=0)
    before = physical(database), applied(database), ledger(database)
    found = rehearse(halves, database)
    assert found.is_clean, found
    assert "under way" in found.report["notes"][0]
    assert "shop.0002" in found.outcomes
    assert (physical(database), applied(database), ledger(database)) == before


def test_halves_that_change_rows(shop, database):
    write(shop, alter("price", REQUIRED), add("weight", REQUIRED))
    found = rehearse(shop, database)
    assert found.is_clean, found


def test_a_stage_by_hand_beside_halves(halves, database):
    halves.write("shop", "0005", add("late"), stage=Stage.POST_DEPLOY)
    found = rehearse(halves, database)
    assert found.code == 1
    assert {each["migration"] for each in found.report["mishaps"]} == {"shop.0005"}
    assert {each["version"] for each in found.report["mishaps"]} == {"new"}
