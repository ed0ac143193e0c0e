"""Runs that fail, and are rolled back."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections, migrations, models

from tests.support.orders import (
    ABORT,
    ORDER,
    PK,
    POST,
    PRE,
    add,
    assert_consistent,
    execute,
    ledger,
    names,
    refused,
    remove,
)
from tests.support.projects import physical, tables

ROLLBACK = "--rollback-on-failure"
JOURNAL = "syzygy_like_ledger"
# What no database has.
FAILS = migrations.RunSQL("SELECT absent FROM nowhere", migrations.RunSQL.noop)
LINE = migrations.CreateModel(
    "Line", [PK, ("order", models.ForeignKey("shop.Order", models.CASCADE))]
)
IRREVERSIBLE = migrations.RunSQL("UPDATE shop_order SET price = 1")


@pytest.fixture
def shop(project):
    project.write("shop", "0001", ORDER)
    return project


def fail(project, *arguments, database, **options):
    return refused(
        project, "migrate", ROLLBACK, *arguments, database=database, **options
    )


def test_what_the_run_has_applied_is_unapplied(shop, database):
    shop.migrate(database=database, verbosity=0)
    start = physical(database)
    shop.write("shop", "0002", add("total"))
    shop.write("shop", "0003", LINE)
    shop.write("shop", "0004", add("weight"), FAILS)
    message = fail(shop, database=database)
    assert message.startswith("shop.0004 failed: ")
    assert "nowhere" in message
    done = "shop.0003, shop.0002."
    if connections[database].vendor == "mysql":
        done = f"shop.0004, {done}"
    assert f"Rolled back what this run had applied: {done}" in message
    assert names(database) == ["0001"]
    assert physical(database) == start
    assert JOURNAL not in tables(database)


def test_an_empty_database_is_empty_again(shop, database):
    shop.write("shop", "0002", LINE)
    shop.write("shop", "0003", FAILS)
    fail(shop, database=database)
    assert names(database) == []
    assert set(tables(database)) <= {"django_migrations"}
    # And what is fixed applies.
    (shop.folder / "shop/migrations/0003.py").unlink()
    shop.migrate(database=database, verbosity=0)
    assert names(database) == ["0001", "0002"]


def test_the_first_failure_says_that_nothing_came_before(shop, database):
    shop.migrate(database=database, verbosity=0)
    shop.write("shop", "0002", FAILS)
    if connections[database].vendor == "mysql":
        return  # which has begun it
    message = fail(shop, database=database)
    assert "This run had applied nothing before it." in message


def test_other_databases_are_left_alone(shop, database, databases):
    other = databases.alias("postgresql" if database != "postgresql" else "sqlite")
    databases.empty(other)
    shop.migrate(database=other, verbosity=0)
    shop.write("shop", "0002", FAILS)
    fail(shop, database=database)
    assert names(other) == ["0001"]
    assert names(database) == []
    databases.empty(other)


def test_a_migration_in_no_transaction_is_taken_back_in_part(shop, database):
    shop.migrate(database=database, verbosity=0)
    start = physical(database)
    shop.write("shop", "0002", add("total"), LINE, FAILS, atomic=False)
    message = fail(shop, database=database)
    assert "Rolled back what this run had applied: shop.0002." in message
    assert names(database) == ["0001"]
    assert physical(database) == start
    assert JOURNAL not in tables(database)


def test_what_cannot_be_unapplied_is_refused_before_anything(shop, database):
    shop.write("shop", "0002", IRREVERSIBLE)
    shop.write("shop", "0003", add("total"))
    message = fail(shop, database=database)
    assert "This run could not be rolled back: shop.0002" in message
    assert "--allow-irreversible" in message
    assert names(database) == []


def test_what_cannot_be_unapplied_may_be_accepted(shop, database):
    shop.write("shop", "0002", IRREVERSIBLE)
    shop.write("shop", "0003", add("total"))
    shop.write("shop", "0004", FAILS)
    message = fail(shop, "--allow-irreversible", database=database)
    assert message.startswith("shop.0004 failed: ")
    assert "shop.0003" in message
    assert "shop.0002 could not be unapplied: IrreversibleError" in message
    assert "So these stay applied, too: shop.0001" in message
    assert names(database) == ["0001", "0002"]
    assert_consistent(shop, database)


def test_a_roll_back_that_fails_hides_nothing(shop, database):
    broken = migrations.RunSQL("SELECT 1", "SELECT missing FROM lost")
    shop.write("shop", "0002", broken)
    shop.write("shop", "0003", add("total"))
    shop.write("shop", "0004", FAILS)
    message = fail(shop, database=database)
    assert "nowhere" in message
    assert "shop.0002 could not be unapplied: " in message
    assert "lost" in message.split("could not be unapplied")[1]
    assert names(database) == ["0001", "0002"]
    assert_consistent(shop, database)


def test_output_tells_what_happens(shop, database):
    shop.write("shop", "0002", add("total"))
    shop.write("shop", "0003", FAILS)

    out = io.StringIO()
    with shop.active(), pytest.raises(CommandError):
        call_command("migrate", ROLLBACK, database=database, stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    i = lines.index("  Applying shop.0003... FAILED")
    assert lines[i + 1] == "Rolling back what this run has applied:"
    assert "  Unapplying shop.0002... OK" in lines
    assert lines[-1] == "  Unapplying shop.0001... OK"


def test_expand_parts_are_undone(shop, database):
    shop.settings = {"MIGRATION_BRIDGE": "all"}
    shop.migrate(database=database, verbosity=0)
    execute(database, "INSERT INTO shop_order (code) VALUES ('a')")
    start = physical(database)
    shop.write("shop", "0002", add("total", models.IntegerField(default=7)))
    shop.write("shop", "0003", remove("note"))
    shop.write("shop", "0004", add("weight"), FAILS)
    message = fail(shop, PRE, database=database)
    assert message.startswith("shop.0004 failed: ")
    assert physical(database) == start
    assert names(database) == ["0001"]
    assert ledger(database) is None


def test_a_deploy_that_an_earlier_run_began_is_kept(shop, database):
    shop.settings = {"MIGRATION_BRIDGE": "all"}
    shop.migrate(database=database, verbosity=0)
    shop.write("shop", "0002", add("total", models.IntegerField(default=7)))
    shop.write("shop", "0003", add("weight"), FAILS)
    refused(shop, "migrate", PRE, database=database)
    begun = ledger(database)
    fail(shop, PRE, database=database)
    assert ledger(database)[0] == begun[0]
    shop.migrate(ABORT, database=database, verbosity=0)
    assert ledger(database) is None


def test_contract_parts_are_refused(shop, database):
    shop.settings = {"MIGRATION_BRIDGE": "all"}
    shop.migrate(database=database, verbosity=0)
    shop.write("shop", "0002", add("total", models.IntegerField(default=7)))
    shop.migrate(PRE, database=database, verbosity=0)
    message = fail(shop, POST, database=database)
    assert "could not be rolled back: shop.0002" in message
    shop.migrate(POST, database=database, verbosity=0)


def test_going_back_is_not_rolled_back(shop, database):
    shop.migrate(database=database, verbosity=0)
    message = fail(shop, "shop", "zero", database=database)
    assert "unapplies migrations" in message


def test_a_run_that_succeeds_is_a_run(shop, database):
    shop.write("shop", "0002", add("total"))
    shop.migrate(ROLLBACK, database=database, verbosity=0)
    assert names(database) == ["0001", "0002"]


@pytest.mark.databases("sqlite")
def test_accepting_goes_with_rolling_back(shop, database):
    message = refused(shop, "migrate", "--allow-irreversible", database=database)
    assert message == "--allow-irreversible requires --rollback-on-failure."


STOPS = """
import {module}

from django.db import migrations, models


def stop(apps, schema_editor):
    {statement}


class Migration(migrations.Migration):
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("order", "weight", models.IntegerField(null=True)),
        migrations.RunPython(stop, migrations.RunPython.noop),
    ]
"""


@pytest.mark.parametrize(
    "statement", ["signal.raise_signal(signal.SIGINT)", "sys.exit(3)"]
)
def test_a_run_that_is_stopped_is_rolled_back(shop, database, statement):
    shop.migrate(database=database, verbosity=0)
    start = physical(database)
    shop.write("shop", "0002", add("total"))
    module = statement.partition(".")[0]
    text = STOPS.format(statement=statement, module=module)
    shop.write_source("shop", "0003", text)
    message = fail(shop, database=database)
    assert message.startswith("shop.0003 failed: it was stopped (")
    assert names(database) == ["0001"]
    assert physical(database) == start
    assert JOURNAL not in tables(database)


def test_what_has_done_nothing_is_not_rolled_back(shop, database):
    shop.migrate(database=database, verbosity=0)
    shop.write("shop", "0002", FAILS, atomic=False)
    message = fail(shop, database=database)
    assert "This run had applied nothing before it." in message
    assert JOURNAL not in tables(database)
