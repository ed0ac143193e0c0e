"""Deploys that are killed at any statement, and run again."""

from __future__ import annotations

import itertools

import pytest
from django.db import migrations, models

from tests.support.orders import (
    ABORT,
    ORDER,
    PK,
    POST,
    PRE,
    TABLE,
    add,
    alter,
    assert_consistent,
    crash,
    execute,
    ledger,
    names,
    remove,
)
from tests.support.projects import physical

# A function that tells how often it has run.
COUNT = """
from django.db import migrations, models


def fill(apps, schema_editor):
    order = apps.get_model("shop", "Order")
    rows = order.objects.using(schema_editor.connection.alias)
    rows.update(price=models.F("price") + 1)
"""
FILL = f"""{COUNT}

class Migration(migrations.Migration):
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("order", "total", models.IntegerField(default=7)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
"""
LINE = migrations.CreateModel(
    "Line", [PK, ("order", models.ForeignKey("shop.Order", models.CASCADE))]
)


@pytest.fixture
def shop(project, database):
    project.write("shop", "0001_initial", ORDER)
    project.settings = {"MIGRATION_BRIDGE": "all"}
    return project


def release(project):
    """Write a release that has something of everything."""
    project.write("shop", "0002", remove("note"), add("cost"))
    project.write_source("shop", "0003", FILL)
    others = models.ManyToManyField("shop.Order", related_name="+")
    project.write("shop", "0004", add("others", others), remove("code"))
    project.write("shop", "0005", alter("price", models.IntegerField(default=3)))
    project.write("shop", "0006", add("weight"))


def begin(project, databases, database):
    """Make an empty database what it was before the deploy."""
    databases.empty(database)
    hidden = sorted(project.migrations("shop").glob("000[2-9]*.py"))
    for path in hidden:
        path.rename(path.with_suffix(".later"))
    project.migrate(database=database, verbosity=0)
    for path in hidden:
        path.with_suffix(".later").rename(path)
    execute(database, "INSERT INTO shop_order (price, code) VALUES (1, 'a')")


def outcome(database):
    """Return what a run leaves: tables, rows, history and ledger."""
    number = "SELECT price, COUNT(*) FROM shop_order GROUP BY price"
    found = physical(database)
    found.pop(TABLE, None)  # MySQL makes it and its constraint in two steps
    return found, execute(database, number), sorted(names(database)), ledger(database)


def killed(project, database, stage, number):
    """Kill a run at a statement, and run it again; tell whether it got there."""
    crashed = crash(project, stage, database=database, number=number)
    if crashed:
        assert_consistent(project, database)
    if stage != ABORT or ledger(database) is not None:
        project.migrate(stage, database=database, verbosity=0)
    assert_consistent(project, database)
    return crashed


def killed_everywhere(project, databases, database, step=1):
    """Kill both runs at every so many statements; return the first none came to."""
    begin(project, databases, database)
    project.migrate(PRE, database=database, verbosity=0)
    built = outcome(database)
    project.migrate(POST, database=database, verbosity=0)
    finished = outcome(database)
    for number in itertools.count(0, step):
        begin(project, databases, database)
        crashed = killed(project, database, PRE, number)
        assert outcome(database) == built, number
        crashed |= killed(project, database, POST, number)
        assert outcome(database) == finished, number
        if not crashed:
            return number


def test_it_goes_on_where_it_was_killed(shop, database, databases):
    release(shop)
    # Where a migration is one transaction, a few places are like all others.
    step = 2 if database == "mysql" else 9
    assert killed_everywhere(shop, databases, database, step) > 15


CONCURRENTLY = f"""
from django.contrib.postgres.operations import AddIndexConcurrently
{COUNT}

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("order", "total", models.IntegerField(default=7)),
        AddIndexConcurrently("order", models.Index(fields=["total"], name="by_total")),
        migrations.RunPython(fill, migrations.RunPython.noop, atomic=True),
    ]
"""


@pytest.mark.databases("postgresql")
def test_what_is_in_no_transaction_goes_on_after_its_last_operation(
    shop, database, databases
):
    shop.write("shop", "0002", remove("note"))
    shop.write_source("shop", "0003", CONCURRENTLY)
    assert killed_everywhere(shop, databases, database) > 5


@pytest.mark.databases("postgresql")
def test_an_index_that_was_left_invalid_is_built_again(shop, database, databases):
    """PostgreSQL leaves one behind where building it was cancelled."""
    shop.write("shop", "0002", remove("note"))
    shop.write_source("shop", "0003", CONCURRENTLY)
    begin(shop, databases, database)
    for number in itertools.count():
        assert crash(shop, PRE, database=database, number=number)
        if "by_total" in str(physical(database)):
            break
        begin(shop, databases, database)
    valid = "pg_index SET indisvalid = %s WHERE indexrelid = 'by_total'::regclass"
    execute(database, f"UPDATE {valid}", False)
    output = shop.migrate(PRE, database=database)
    assert "The index by_total is not valid: its build was cut off." in output
    sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_total'::regclass"
    assert execute(database, sql) == [(True,)]


def test_giving_up_goes_on_where_it_was_killed(shop, database, databases):
    shop.write("shop", "0002", LINE, remove("note"))
    shop.write_source("shop", "0003", FILL)
    begin(shop, databases, database)
    before = outcome(database)
    step = 1 if database == "mysql" else 9
    for number in itertools.count(0, step):
        begin(shop, databases, database)
        shop.migrate(PRE, database=database, verbosity=0)
        crashed = killed(shop, database, ABORT, number)
        # What a function has done to rows stays, for it has no way back.
        found, _, history, entries = outcome(database)
        assert (found, history, entries) == (before[0], before[2], before[3]), number
        if not crashed:
            break
    assert number > 5
