"""What is said of parts before they are applied: plans, probes, options, checks."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from django.db import migrations

from tests.support.orders import (
    ABORT,
    POST,
    PRE,
    REQUIRED,
    add,
    ledger,
    names,
    refused,
    remove,
    write,
)

EXPANDED = [("0002", "expand", "applied")]


def test_the_plan_tells_parts_and_what_overtakes(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    out = shop.migrate(PRE, "--plan", database=database, no_color=True)
    assert out == (
        "Planned operations:\n"
        "shop.0002 (expand)\n"
        "    Add field total to order\n"
        "shop.0004  (pre-deploy, inferred)\n"
        "    runs before shop.0003: the order makes no difference\n"
        "    Add field weight to order\n"
        "Deferred until after the deploy:\n"
        "  shop.0003  (post-deploy, inferred)\n"
    )
    assert ledger(database) is None
    shop.migrate(PRE, database=database)
    out = shop.migrate(POST, "--plan", database=database, no_color=True)
    assert out == (
        "Planned operations:\n"
        "shop.0002 (contract)\n"
        "    Alter field total on order\n"
        "shop.0003\n"
        "    Remove field price from order\n"
        "shop.0004 (already applied)\n"
    )
    assert shop.migrate("--plan", database=database, no_color=True) == out


def test_the_plan_tells_the_sql_if_asked(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    plan = ("--plan", "-v", "2")
    out = shop.migrate(PRE, *plan, database=database)
    (sql,) = (
        line for line in out.split("\n") if '"weight"' in line or "`weight`" in line
    )
    assert sql.strip().startswith("ALTER TABLE")
    assert "Order.total: the old version leaves it out of INSERT" in out
    assert "DEFAULT 7" in out
    shop.migrate(PRE, database=database)
    for stage in ([POST], []):
        out = shop.migrate(*stage, *plan, database=database)
        assert "DROP COLUMN" in out or "new__shop_order" in out
    out = shop.migrate(ABORT, *plan, database=database)
    assert out.count("DROP COLUMN") == 2 or "new__shop_order" in out
    assert ledger(database) is not None


def test_the_plan_of_what_cannot_be_told_yet(shop, database):
    """The names of some constraints are looked up when they go."""
    unique = migrations.AlterUniqueTogether("order", {("price", "code")})
    back = migrations.AlterUniqueTogether("order", set())
    write(shop, add("total", REQUIRED), unique, back, remove("note"))
    for stage in (PRE, POST):
        shop.migrate(stage, "--plan", "-v", "2", database=database)
        shop.migrate(stage, database=database)
    assert names(database)[-1] == "0005"


def test_a_function_has_no_sql(shop, database):
    noop = migrations.RunPython.noop
    shop.write("shop", "0002", add("total", REQUIRED), migrations.RunPython(noop, noop))
    out = shop.migrate(PRE, "--plan", "-v", "2", database=database)
    assert "Raw Python operation" in out
    assert "THIS OPERATION CANNOT BE WRITTEN AS SQL" in out


def test_probes(shop, database):
    def code(*options):
        return shop.exit_code("migrate", *options, "--check", database=database)

    write(shop, add("total", REQUIRED), remove("price"))
    assert [code(PRE), code(PRE, "--plan"), code()] == [1, 1, 1]
    shop.migrate(PRE, database=database)
    assert [code(PRE), code(PRE, "--plan")] == [0, 0]
    assert [code(POST), code(POST, "--plan"), code(), code("--plan")] == [1, 1, 1, 1]
    assert [code(ABORT), code(ABORT, "--plan")] == [1, 1]
    assert ledger(database)[0] == EXPANDED[0]
    shop.migrate(POST, database=database)
    assert [code(PRE), code(POST), code(), code(PRE, "--plan")] == [0, 0, 0, 0]


def test_no_bridge_wins_over_the_setting(shop, database):
    write(shop, add("total", REQUIRED))
    message = refused(shop, "migrate", PRE, "--no-bridge", database=database)
    assert "shop.0002 is needed before the deploy" in message
    assert "Fix: " in message
    assert ledger(database) is None


@pytest.mark.parametrize("setting", ["third-party", "none"])
def test_bridge_wins_over_the_setting(shop, database, setting):
    shop.settings = {"MIGRATION_BRIDGE": setting}
    write(shop, add("total", REQUIRED))
    assert "shop.0002" in refused(shop, "migrate", PRE, database=database)
    shop.migrate(PRE, "--bridge", database=database)
    assert ledger(database) == EXPANDED
    # From here on the ledger knows.
    assert "No migrations to apply" in shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    assert names(database) == ["0001_initial", "0002"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bridge"], "--bridge requires --pre-deploy"),
        (["--no-bridge"], "--no-bridge requires --pre-deploy"),
        ([POST, "--bridge"], "--bridge requires --pre-deploy"),
        ([POST, "--no-bridge"], "--no-bridge requires --pre-deploy"),
        ([ABORT, "--bridge"], "--bridge requires --pre-deploy"),
        ([ABORT, "--skip-blocked"], "--skip-blocked requires --pre-deploy or"),
        ([PRE, "--bridge", "--no-bridge"], "not allowed with argument"),
        ([PRE, ABORT], "not allowed with argument"),
        ([ABORT, "shop"], "leave out the app"),
        ([ABORT, "shop", "0001"], "leave out the app"),
        ([ABORT, "--fake"], "--fake"),
    ],
)
def test_options_that_do_not_go_together(shop, database, arguments, message):
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    assert message in refused(shop, "migrate", *arguments, database=database)
    assert ledger(database) == EXPANDED


THIRD_PARTY = ("third-party", [("0002", "expand", "applied")])


@pytest.mark.parametrize(("setting", "expected"), [THIRD_PARTY, ("none", None)])
def test_migrations_of_packages(shop, database, setting, expected, monkeypatch):
    shop.settings = {"MIGRATION_BRIDGE": setting}
    monkeypatch.setattr("syzygy_like.conf.is_installed", lambda path: True)
    write(shop, add("total", REQUIRED))
    if setting == "none":  # they are applied as ever: before the deploy, by fallback
        assert "fallback" in shop.migrate(PRE, "--plan", database=database)
    shop.migrate(PRE, database=database)
    assert ledger(database) == expected


@pytest.mark.databases("sqlite")
def test_the_check_accepts_what_can_be_applied_in_parts(shop, database):
    shop.app("shop", "class Order(models.Model):\n    pass\n")
    write(shop, add("total", REQUIRED))
    shop.call("check", "--tag", "syzygy_like")
    for setting in (
        {"MIGRATION_BRIDGE": "third-party"},
        {"MIGRATION_BRIDGE": "none"},
        {},
    ):
        shop.settings = setting
        with pytest.raises(CommandError, match=r"shop\.0002"):
            shop.call("check", "--tag", "syzygy_like", "--fail-level", "WARNING")


@pytest.mark.databases("sqlite")
def test_the_check_rejects_what_has_no_parts(shop, database):
    write(shop, migrations.RenameField("order", "price", "cost"))
    with pytest.raises(CommandError, match=r"shop\.0002"):
        shop.call("check", "--tag", "syzygy_like", "--fail-level", "WARNING")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("value", ["everything", "ALL", True, None, ["all"], {}])
def test_a_setting_that_is_none(shop, database, value):
    shop.settings = {"MIGRATION_BRIDGE": value}
    write(shop, add("total", REQUIRED))
    with pytest.raises(CommandError) as caught:
        shop.call("check", "--tag", "syzygy_like")
    assert "syzygy_like.E" in str(caught.value)
    assert f"MIGRATION_BRIDGE is {value!r}" in str(caught.value)
    assert 'Use one of "all", "third-party", "none"' in str(caught.value)
    message = refused(shop, "migrate", PRE, database=database)
    assert f"MIGRATION_BRIDGE is {value!r}" in message
    shop.migrate(database=database)
    assert names(database) == ["0001_initial", "0002"]


@pytest.mark.databases("sqlite")
def test_a_migration_with_a_declared_stage_is_not_applied_in_parts(shop, database):
    from syzygy_like import Stage

    shop.write("shop", "0002", add("total", REQUIRED), stage=Stage.PRE_DEPLOY)
    shop.migrate(PRE, database=database)
    assert ledger(database) is None
    assert names(database) == ["0001_initial", "0002"]
