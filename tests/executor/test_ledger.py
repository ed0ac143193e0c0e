"""What a deploy that is under way leaves in its own table, and what that allows."""

from __future__ import annotations

import pytest
from django.db import migrations, models

from tests.support.orders import (
    ABORT,
    INITIAL,
    PK,
    POST,
    PRE,
    REQUIRED,
    TABLE,
    add,
    assert_consistent,
    execute,
    finish,
    ledger,
    names,
    refused,
    remove,
    write,
)
from tests.support.projects import columns, tables

EXPANDED = [("0002", "expand", "applied")]


@pytest.fixture
def expanded(shop, database):
    """A deploy under way: the expand part of a required field is applied."""
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database, verbosity=0)
    assert ledger(database) == EXPANDED
    return shop


def test_it_is_made_only_by_those_who_need_it(shop, database):
    write(shop, add("cost"), remove("price"))
    shop.migrate(PRE, database=database)
    shop.migrate(PRE, "--check", database=database)
    assert ledger(database) is None
    shop.migrate(POST, database=database)
    assert ledger(database) is None
    write(shop, add("total", REQUIRED), start=4)
    shop.migrate(PRE, "--plan", "-v", "2", database=database)
    assert shop.exit_code("migrate", PRE, "--check", database=database) == 1
    assert ledger(database) is None
    shop.migrate(PRE, database=database)
    assert ledger(database) == [("0004", "expand", "applied")]


def test_it_holds_the_deploy_in_its_order(shop, database, databases):
    write(shop, add("cost"), remove("price"), add("total", REQUIRED), remove("note"))
    shop.migrate(PRE, database=database)
    entries = [
        ("0002", "whole", "applied"),
        ("0003", "nothing", "planned"),
        ("0004", "expand", "applied"),
        ("0005", "nothing", "planned"),
    ]
    assert ledger(database) == entries
    for again in range(2):
        assert "No migrations to apply" in shop.migrate(PRE, database=database), again
        assert ledger(database) == entries
    assert shop.exit_code("migrate", PRE, "--check", database=database) == 0
    assert shop.exit_code("migrate", POST, "--check", database=database) == 1
    assert shop.exit_code("migrate", "--check", database=database) == 1
    assert ledger(database) == entries
    finish(shop, database, databases)


def test_dry_runs_leave_a_deploy_as_it_is(expanded, database):
    for stage in ([PRE], [POST], [ABORT], []):
        expanded.migrate(*stage, "--plan", "-v", "2", database=database)
    assert ledger(database) == EXPANDED
    assert "total" in columns(database, "shop_order")
    assert names(database) == ["0001_initial"]


def test_a_failure_is_mended_and_the_rest_goes_on(shop, database, databases):
    write(shop, add("total", REQUIRED), add("cost"))
    broken = migrations.RunSQL("SELECT nothing FROM nowhere")
    shop.write("shop", "0004", add("weight", REQUIRED), broken)
    message = refused(shop, "migrate", PRE, database=database)
    assert "shop.0004 (expand) failed" in message
    assert [each[:2] for each in ledger(database)] == [
        ("0002", "expand"),
        ("0003", "whole"),
        ("0004", "expand"),
    ]
    assert_consistent(shop, database)
    message = refused(shop, "migrate", POST, database=database)
    assert "run the same with --pre-deploy again" in message
    shop.write("shop", "0004", add("weight", REQUIRED))
    shop.migrate(PRE, database=database)
    assert {each[2] for each in ledger(database)} == {"applied"}
    finish(shop, database, databases)


def test_plain_migrate_goes_on_after_a_failure(shop, database):
    broken = migrations.RunSQL("SELECT nothing FROM nowhere")
    write(shop, add("total", REQUIRED), broken, remove("price"))
    assert "shop.0003 failed" in refused(shop, "migrate", PRE, database=database)
    shop.write("shop", "0003", add("cost"))
    shop.migrate(database=database)
    assert names(database) == ["0001_initial", "0002", "0003", "0004"]
    assert ledger(database) is None
    assert set(columns(database, "shop_order")) == INITIAL - {"price"} | {
        "total",
        "cost",
    }


def test_a_migration_without_a_file(expanded, database):
    path = expanded.migrations("shop") / "0002.py"
    path.rename(path.with_suffix(".away"))
    for stage in (PRE, POST, "--verbosity=1"):
        out = expanded.migrate(stage, database=database)
        assert "No migrations to apply" in out
        assert "A deploy of another version is under way and left alone" in out
    message = refused(expanded, "migrate", ABORT, database=database)
    assert "this one has no file of shop.0002" in message
    assert ledger(database) == EXPANDED
    expanded.call("showmigrations", database=database)
    path.with_suffix(".away").rename(path)
    expanded.migrate(POST, database=database)
    assert ledger(database) is None


def test_an_empty_table_that_was_left_behind(expanded, database):
    execute(database, f"DELETE FROM {TABLE}")
    execute(database, "ALTER TABLE shop_order DROP COLUMN total")
    assert "Abort" not in refused(expanded, "migrate", ABORT, database=database)
    expanded.migrate(PRE, database=database)
    assert ledger(database) == EXPANDED
    expanded.migrate(POST, database=database)
    assert ledger(database) is None


@pytest.mark.parametrize("stage", [(), (POST,)], ids=["plain", "post"])
def test_an_empty_table_goes_when_there_is_nothing_to_do(expanded, database, stage):
    expanded.migrate(POST, database=database)
    write(expanded, add("weight", REQUIRED), start=3)
    expanded.migrate(PRE, database=database)
    execute(database, f"DELETE FROM {TABLE}")
    execute(database, "ALTER TABLE shop_order DROP COLUMN weight")
    (expanded.migrations("shop") / "0003.py").unlink()
    assert TABLE in tables(database)
    expanded.migrate(*stage, database=database)
    assert TABLE not in tables(database)


def test_the_next_release_joins_what_was_not_finished(expanded, database, databases):
    write(expanded, add("weight", REQUIRED), start=3)
    expanded.migrate(PRE, database=database)
    assert ledger(database) == [*EXPANDED, ("0003", "expand", "applied")]
    assert names(database) == ["0001_initial"]
    finish(expanded, database, databases)


def test_what_the_next_release_may_do_later_does_not_disturb(expanded, database):
    write(expanded, remove("price"), start=3)
    out = expanded.migrate(PRE, database=database)
    assert "Deferred until after the deploy:\n  shop.0003" in out
    expanded.migrate(POST, database=database)
    assert names(database) == ["0001_initial", "0002", "0003"]
    assert ledger(database) is None


def test_what_the_next_release_needs_first_does_not_hold_this_one_up(
    expanded, database
):
    write(expanded, add("cost"), start=3)
    out = expanded.migrate(POST, database=database)
    assert "did not have shop.0003" in out
    assert "Begin the next deploy with migrate --pre-deploy" in out
    assert names(database) == ["0001_initial", "0002"]
    assert ledger(database) is None
    expanded.migrate(PRE, database=database)
    assert names(database) == ["0001_initial", "0002", "0003"]


@pytest.mark.parametrize("option", ["--fake", "--fake-initial"])
@pytest.mark.parametrize("stage", [(), (PRE,), (POST,)], ids=["plain", "pre", "post"])
def test_nothing_is_faked_in_parts(expanded, database, option, stage):
    if stage == (PRE,):
        expanded.migrate(POST, database=database, verbosity=0)
        write(expanded, add("weight", REQUIRED), start=3)
    before = ledger(database)
    message = refused(expanded, "migrate", *stage, option, database=database)
    assert "--fake and --fake-initial take migrations as a whole" in message
    assert ledger(database) == before


@pytest.mark.parametrize("target", [["shop"], ["shop", "0002"], ["shop", "0001"]])
def test_a_part_of_a_deploy_is_not_finished(expanded, database, target):
    expanded.write("blog", "0001", migrations.CreateModel("Post", [PK]))
    for stage in ([], [POST]):
        message = refused(expanded, "migrate", *target, *stage, database=database)
        assert "A deploy is under way" in message
    assert ledger(database) == EXPANDED


@pytest.mark.parametrize("target", ["0001", "zero"])
def test_nobody_goes_back_in_the_middle(expanded, database, target):
    for stage in ([], [PRE], [POST]):
        message = refused(
            expanded, "migrate", "shop", target, *stage, database=database
        )
        assert "A deploy is under way" in message
        assert "migrate --abort-deploy" in message
    assert ledger(database) == EXPANDED


@pytest.mark.parametrize("stage", [(), (POST,)], ids=["plain", "post"])
def test_rows_that_lack_a_value_are_told_before_anything_follows(shop, database, stage):
    """The code now serving has made some, and the field has no default for them."""
    write(shop, remove("price"), add("size", models.IntegerField()))
    shop.migrate(PRE, database=database)
    execute(database, "INSERT INTO shop_order (code) VALUES ('a')")
    before = ledger(database)
    message = refused(shop, "migrate", *stage, database=database)
    assert "shop.Order.size is required" in message
    assert "1 row has" in message
    assert ledger(database) == before
    assert "price" in columns(database, "shop_order")
    execute(database, "UPDATE shop_order SET size = 1")
    shop.migrate(*stage, database=database)
    assert names(database) == ["0001_initial", "0002", "0003"]
