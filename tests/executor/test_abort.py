"""Deploys that are given up, in whatever state they are."""

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
    add,
    alter,
    assert_consistent,
    execute,
    ledger,
    names,
    refused,
    remove,
    started,
    write,
)
from tests.support.projects import columns, physical, tables

NOOP = migrations.RunPython.noop
FORGET = """
from django.db import migrations, models


def forth(apps, schema_editor):
    order = apps.get_model("shop", "Order")
    rows = order.objects.using(schema_editor.connection.alias)
    rows.update(price=models.F("price") + 1)
    {forth}


def back(apps, schema_editor):
    order = apps.get_model("shop", "Order")
    rows = order.objects.using(schema_editor.connection.alias)
    rows.update(price=models.F("price") - 1)


class Migration(migrations.Migration):
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("order", "size", models.IntegerField(default=1)),
        migrations.RunPython(forth{back}),
        migrations.AddField("order", "weight", models.IntegerField(default=1)),
    ]
"""


@pytest.fixture
def shop(project, database):
    """A project with one migration applied, which applies the next ones in parts."""
    started(project, database)
    execute(database, "INSERT INTO shop_order (price, code) VALUES (1, 'a')")
    return project


@pytest.fixture
def start(shop, database):
    """What the database is before the deploy."""
    return physical(database)


def abort(project, database):
    out = project.migrate(ABORT, database=database)
    assert names(database) == ["0001_initial"]
    assert ledger(database) is None
    assert_consistent(project, database)
    return out


def write_forget(project, forth="pass", back=", back"):
    project.write("shop", "0002", remove("note"))
    project.write_source("shop", "0003", FORGET.format(forth=forth, back=back))


def test_nothing_is_under_way(shop, database):
    write(shop, add("total", REQUIRED))
    message = refused(shop, "migrate", ABORT, database=database)
    assert "No deploy is under way" in message
    assert "migrate app_label migration_name --post-deploy" in message
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    message = refused(shop, "migrate", ABORT, database=database)
    assert "No deploy is under way" in message
    assert names(database) == ["0001_initial", "0002"]


def test_everything_is_taken_back(shop, database, start):
    others = models.ManyToManyField("shop.Order")
    line = migrations.CreateModel("Line", [PK, ("others", others)])
    write(shop, remove("note"), add("total", REQUIRED), line, remove("code"))
    write(shop, alter("price", models.BigIntegerField(null=True)), start=6)
    write(shop, add("others", others), add("cost"), start=7)
    shop.migrate(PRE, database=database)
    assert {"shop_line", "shop_order_others"} <= tables(database)
    out = abort(shop, database)
    assert out.index("Unapplying shop.0008") < out.index("Unapplying shop.0003 (expand")
    assert physical(database) == start
    rows = execute(database, "SELECT price, code FROM shop_order")
    assert rows == [(1, "a")]


def test_after_that_it_can_be_rolled_out_again(shop, database):
    write(shop, remove("note"), add("total", REQUIRED), add("cost"))
    for _ in range(2):
        shop.migrate(PRE, database=database)
        abort(shop, database)
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    assert names(database) == ["0001_initial", "0002", "0003", "0004"]


def test_what_was_done_in_part_is_taken_back(shop, database, start):
    write(shop, add("total", REQUIRED), add("cost"))
    broken = migrations.RunSQL("SELECT nothing FROM nowhere", "SELECT 1")
    shop.write("shop", "0004", add("size", REQUIRED), broken, add("weight"))
    assert "shop.0004" in refused(shop, "migrate", PRE, database=database)
    assert names(database) == ["0001_initial"]
    abort(shop, database)
    assert physical(database) == start


def test_what_follows_the_roll_out_has_begun(shop, database):
    write(shop, add("total", REQUIRED), remove("price"))
    shop.write("shop", "0004", migrations.RunSQL("SELECT nothing FROM nowhere"))
    shop.write("shop", "0003", remove("price"))
    shop.migrate(PRE, "--skip-blocked", database=database)
    assert "shop.0004" in refused(shop, "migrate", POST, database=database)
    message = refused(shop, "migrate", ABORT, database=database)
    assert "so this deploy can only be finished" in message
    assert "Fix: migrate --post-deploy." in message
    assert names(database)[:2] == ["0001_initial", "0002"]
    shop.write("shop", "0004", migrations.RunSQL("SELECT 1"))
    shop.migrate(POST, database=database)
    assert names(database) == ["0001_initial", "0002", "0003", "0004"]


@pytest.mark.parametrize("options", [(), ("--plan", "-v", "2")], ids=["run", "plan"])
def test_what_cannot_be_reversed_is_known_before_anything_is(shop, database, options):
    write_forget(shop, back="")
    write(shop, add("total", REQUIRED), start=4)
    shop.migrate(PRE, database=database)
    before = physical(database), ledger(database), names(database)
    if options:
        out = shop.migrate(ABORT, *options, database=database)
        assert "IRREVERSIBLE" in out
    else:
        message = refused(shop, "migrate", ABORT, database=database)
        assert "shop.0003 (expand) cannot be reversed" in message
        assert "Nothing was unapplied." in message
    assert (physical(database), ledger(database), names(database)) == before


def test_functions_are_reversed_once(shop, database, start):
    write_forget(shop)
    shop.migrate(PRE, database=database)
    assert execute(database, "SELECT price FROM shop_order") == [(2,)]
    abort(shop, database)
    assert execute(database, "SELECT price FROM shop_order") == [(1,)]
    assert physical(database) == start


def test_a_function_that_failed_is_not_reversed(shop, database, start):
    """It has left nothing, on any database."""
    write_forget(shop, forth="1 / 0")
    message = refused(shop, "migrate", PRE, database=database)
    assert "ZeroDivisionError" in message
    assert execute(database, "SELECT price FROM shop_order") == [(1,)]
    abort(shop, database)
    assert execute(database, "SELECT price FROM shop_order") == [(1,)]
    assert physical(database) == start


def test_the_plan_of_it(shop, database):
    write(shop, remove("note"), add("total", REQUIRED), add("cost"))
    shop.migrate(PRE, database=database)
    out = shop.migrate(ABORT, "--plan", database=database, no_color=True)
    assert out == (
        "Planned operations:\n"
        "shop.0004\n"
        "    Undo Add field cost to order\n"
        "shop.0003 (expand)\n"
        "    Undo Add field total to order\n"
    )
    assert shop.exit_code("migrate", ABORT, "--check", database=database) == 1
    assert set(columns(database, "shop_order")) == INITIAL | {"total", "cost"}
