"""What a rehearsal finds of stages that were set by hand, and of blocked plans."""

from __future__ import annotations

import pytest
from django.db import migrations, models

from syzygy_like import Stage
from tests.support.orders import NULLABLE, REQUIRED, add, alter, remove, write
from tests.support.rehearsals import rehearse

UNIQUE = models.UniqueConstraint(fields=["price"], name="one_price")


def the_only(found, **wanted):
    """Return a failure of some values; one migration is to blame for all."""
    assert len({each["migration"] for each in found.report["failures"]}) == 1
    return next(iter(found.failures(**wanted)))


@pytest.mark.parametrize("how", ["declared", "override"])
def test_a_column_dropped_before_the_roll_out(shop, database, how):
    """The old version fails, with statement, error, migration and the fix."""
    attributes = {"stage": Stage.PRE_DEPLOY} if how == "declared" else {}
    if how == "override":
        shop.settings = {"MIGRATION_STAGES_OVERRIDE": {"shop": Stage.PRE_DEPLOY}}
    shop.write("shop", "0002", add("size"))
    shop.write("shop", "0003", remove("note"), **attributes)
    found = rehearse(shop, database)
    assert found.code == 1
    assert found.report["unconfirmed"] == []
    failure = the_only(found, phase="window")
    assert (failure["version"], failure["model"]) == ("old", "shop.Order")
    assert failure["migration"] == "shop.0003"
    assert "note" in failure["sql"]
    assert "note" in failure["error"]
    assert failure["reason"]["rule"] == "missing-column"
    assert "Its operations belong after the deploy" in failure["reason"]["fix"]
    assert len(found.failures(version="new")) == 0


def test_a_required_column_before_the_roll_out(shop, database):
    write(shop, add("size", REQUIRED), stage=Stage.PRE_DEPLOY)
    found = rehearse(shop, database)
    assert found.code == 1
    failure = the_only(found)
    assert failure["action"].startswith("INSERT")
    assert failure["sql"].startswith("INSERT")
    assert failure["reason"]["rule"] == "required-column"
    assert failure["reason"]["fix"]


def test_a_constraint_before_the_roll_out(shop, database):
    constrain = migrations.AddConstraint("order", UNIQUE)
    write(shop, constrain, stage=Stage.PRE_DEPLOY)
    found = rehearse(shop, database)
    assert found.code == 1
    failure = the_only(found, phase="window")
    assert failure["reason"]["rule"] == "stricter-unique"
    assert "twice" in " ".join([failure["action"], *failure["others"]])


def test_a_column_that_comes_too_late_for_the_new_code(shop, database):
    """The cause is the migration that was put off."""
    shop.write("shop", "0002", add("size"), stage=Stage.POST_DEPLOY)
    found = rehearse(shop, database)
    assert found.code == 1
    assert found.deploy_problems == []
    failure = the_only(found, phase="window")
    assert (failure["version"], failure["migration"]) == ("new", "shop.0002")
    assert failure["reason"]["rule"] == "missing-column"
    assert "Its operations belong before the deploy" in failure["reason"]["fix"]


def test_a_plan_that_is_blocked(shop, database):
    """What a plain migrate would do to the old version is shown instead."""
    rename = migrations.RenameField("order", "note", "remark")
    write(shop, add("size"), rename)
    found = rehearse(shop, database)
    assert found.code == 1
    assert found.deploy_problems == [("blocked", "")]
    assert {each["phase"] for each in found.report["failures"]} == {"plain"}
    failure = the_only(found, version="old")
    assert failure["migration"] == "shop.0003"
    assert failure["reason"]["rule"] == "missing-column"
    assert found.outcomes == {
        "shop.0002": ["pre-deploy, inferred"],
        "shop.0003": ["fits no stage"],
    }


def test_another_type(shop, database):
    write(shop, alter("price", models.CharField(max_length=9, null=True)))
    found = rehearse(shop, database)
    assert found.deploy_problems == [("blocked", "")]
    assert all(each["reason"] for each in found.report["failures"])


def test_a_column_that_was_there_for_a_while(shop, database):
    write(shop, add("size"), remove("size"))
    found = rehearse(shop, database)
    assert found.is_clean, found


def test_a_state_that_says_more_than_the_database(shop, database):
    """The new version fails wherever it runs, stages or not: there is a note."""
    lie = migrations.SeparateDatabaseAndState(state_operations=[add("size", NULLABLE)])
    write(shop, lie)
    found = rehearse(shop, database)
    assert found.is_clean, found
    (note,) = found.report["notes"]
    assert "The new version" in note
    assert "shop.Order" in note
