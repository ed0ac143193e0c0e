"""Plain and staged runs that are killed at any moment, and run again."""

from __future__ import annotations

import random
import sys
import time

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections, migrations, models

from tests.support.killing import Child
from tests.support.orders import (
    ORDER,
    PRE,
    add,
    assert_consistent,
    execute,
    names,
    refused,
)
from tests.support.projects import physical, tables
from tests.support.repetition import often

JOURNAL = "syzygy_like_ledger"
# How often a run is killed on each database.
KILLS = often(12, 120)

SOURCE = """
from django.db import migrations, models
{imports}

def fill(apps, schema_editor):
    order = apps.get_model("shop", "Order")
    rows = order.objects.using(schema_editor.connection.alias)
    rows.update(price=models.F("price") + 1)


class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("order", "total", models.IntegerField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop, atomic=True),
        migrations.AddField("order", "weight", models.IntegerField(null=True)),
        {index}
        migrations.CreateModel(
            "Line",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("order", models.ForeignKey("shop.Order", models.CASCADE)),
            ],
        ),
    ]
"""
INDEX = '("order", models.Index(fields=["total"], name="By total")),'
CONCURRENTLY = "from django.contrib.postgres.operations import AddIndexConcurrently"


@pytest.fixture
def shop(project, database):
    """A shop with one order, and migrations of which the third is not atomic."""
    project.settings = {"MIGRATION_GUARD": "all"}
    project.write("shop", "0001", ORDER)
    project.write(
        "shop",
        "0002",
        migrations.AddIndex("order", models.Index(fields=["price"], name="by_price")),
    )
    is_postgresql = connections[database].vendor == "postgresql"
    kind = "AddIndexConcurrently" if is_postgresql else "migrations.AddIndex"
    imports = CONCURRENTLY if is_postgresql else ""
    text = SOURCE.format(atomic=False, index=kind + INDEX, imports=imports)
    project.write_source("shop", "0003", text)
    for number in range(4, 9):
        project.write("shop", f"{number:04}", add(f"more{number}"))
    return project


def begin(project, databases, database):
    databases.empty(database)
    project.migrate("shop", "0001", database=database, verbosity=0)
    columns = "(price, code) VALUES (0, 'a')"
    execute(database, f"INSERT INTO shop_order {columns}")


def run(project, database, arguments):
    with project.active():
        call_command("migrate", *arguments, database=database, stdout=sys.stdout)


def stop(project, tmp_path, database, arguments, random):
    """Kill a run again and again until it has ended; return how often that was."""
    kills, patience = 0, 0.3
    while True:
        child = Child(tmp_path, run, project, database, arguments)
        code = child.wait(random.uniform(0, patience))
        if code is None:
            code = child.kill()
        if code == 0:
            return kills
        assert code < 0, child.output
        assert_consistent(project, database)
        kills, patience = kills + 1, patience * 1.1


@pytest.mark.parametrize("arguments", [[], [PRE]], ids=["plain", "pre-deploy"])
def test_it_converges_wherever_it_is_killed(
    shop, database, databases, tmp_path, arguments
):
    begin(shop, databases, database)
    shop.stock_migrate(database=database, verbosity=0)
    straight = physical(database)
    kills, chance = 0, random.Random(random.random())
    while kills < KILLS // 2:
        begin(shop, databases, database)
        kills += stop(shop, tmp_path, database, arguments, chance)
        assert physical(database) == straight
        assert execute(database, "SELECT price FROM shop_order") == [(1,)]
        assert len(names(database)) == 8


def fail_at_the_end(shop):
    """Write a migration in no transaction whose last operation fails."""
    fails = migrations.RunSQL("SELECT absent FROM nowhere", migrations.RunSQL.noop)
    for path in (shop.folder / "shop/migrations").glob("000[3-8].py"):
        path.unlink()
    operations = [add("total"), add("weight"), fails]
    return shop.write("shop", "0003", *operations, atomic=False)


def test_it_goes_on_at_the_operation_that_it_had_reached(shop, database):
    path = fail_at_the_end(shop)
    message = refused(shop, "migrate", database=database)
    assert "nowhere" in message
    assert JOURNAL in tables(database)
    # What failed may be fixed; plain migrate knows what to do.
    path.write_text(path.read_text().replace("SELECT absent FROM nowhere", "SELECT 1"))
    shop.settings = {}
    output = shop.migrate(database=database)
    assert (
        "  Applying shop.0003...\nGoing on with shop.0003: an earlier run ended with 2 "
        "of 3 operations carried out.\n OK\n"
    ) in output
    assert JOURNAL not in tables(database)
    assert names(database) == ["0001", "0002", "0003"]


def test_a_file_that_has_changed_since_is_refused(shop, database):
    path = fail_at_the_end(shop)
    refused(shop, "migrate", database=database)
    path.write_text(path.read_text().replace("weight", "mass"))
    message = refused(shop, "migrate", database=database)
    assert (
        "carried out its first 2 operations, and the file has other ones now" in message
    )
    assert names(database) == ["0001", "0002"]


def test_what_is_half_applied_is_not_left_behind(shop, database):
    fail_at_the_end(shop)
    refused(shop, "migrate", database=database)
    message = refused(shop, "migrate", "shop", "0001", database=database)
    assert message.startswith("shop.0003 was being applied when an earlier run was cut")
    assert names(database) == ["0001", "0002"]


def test_what_is_half_unapplied_is_not_left_behind(shop, database):
    path = fail_at_the_end(shop)
    broken = 'RunSQL(sql="SELECT 1", reverse_sql="SELECT 1")'
    path.write_text(
        path.read_text()
        .replace("SELECT absent FROM nowhere", "SELECT 1")
        .replace("operations = [", f"operations = [migrations.{broken},")
    )
    shop.migrate(database=database, verbosity=0)
    fine = path.read_text()
    path.write_text(fine.replace('reverse_sql="SELECT 1"', 'reverse_sql="SELECT x"'))
    assert "x" in refused(shop, "migrate", "shop", "0002", database=database)
    path.write_text(fine)
    shop.write("shop", "0004", add("more"))
    message = refused(shop, "migrate", database=database)
    assert message.startswith("shop.0003 was being unapplied when an earlier run was")
    assert "Fix: finish that first: migrate shop 0002." in message
    output = shop.migrate("shop", "0002", database=database)
    assert "Going on with shop.0003: an earlier run ended with 1 of 4" in output
    assert JOURNAL not in tables(database)
    shop.migrate(database=database, verbosity=0)


def test_what_is_faked_has_ended(shop, database):
    fail_at_the_end(shop)
    refused(shop, "migrate", database=database)
    shop.migrate("--fake", database=database, verbosity=0)
    assert JOURNAL not in tables(database)
    assert names(database) == ["0001", "0002", "0003"]


def test_plain_migrate_keeps_no_journal_unless_asked(shop, database):
    fail_at_the_end(shop)
    shop.settings = {}
    with pytest.raises(DatabaseError, match="nowhere"):
        shop.migrate(database=database, verbosity=0)
    assert JOURNAL not in tables(database)


@pytest.fixture
def concurrent(project, database):
    """A migration that builds an index concurrently, on a table that has rows."""
    project.settings = {"MIGRATION_GUARD": "all"}
    project.write("shop", "0001", ORDER)
    text = SOURCE.replace('("shop", "0002")', '("shop", "0001")')
    index = "AddIndexConcurrently" + INDEX
    text = text.format(atomic=False, index=index, imports=CONCURRENTLY)
    project.write_source("shop", "0002", text)
    project.migrate("shop", "0001", database=database, verbosity=0)
    return project


VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = '\"By total\"'::regclass"
BUILDING = """
    SELECT pid FROM pg_stat_activity
    WHERE strpos(query, 'CREATE INDEX CONCURRENTLY') = 1 AND state = 'active'
"""


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "is cancelled"])
def test_a_build_whose_client_was_killed(concurrent, database, tmp_path, goes_on):
    """The server goes on with it; if that ends as well, the index is not valid."""
    # A transaction that the build has to wait for.
    reader = connections[database].copy()
    with reader.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        cursor.execute("SELECT count(*) FROM django_migrations")
        child = Child(tmp_path, run, concurrent, database, [])
        execute(database, "SELECT 1")
        wait_until(lambda: execute(database, BUILDING))
        wait_until(lambda: "By total" in str(execute(database, INVALID)))
        assert child.kill() < 0
        if not goes_on:
            execute(database, f"SELECT pg_cancel_backend(pid) FROM ({BUILDING}) builds")
            wait_until(lambda: not execute(database, BUILDING))
        again = Child(tmp_path, run, concurrent, database, [])
        told = (
            "is building or dropping" if goes_on else "It is dropped, and built again"
        )
        again.wait_for(told) if goes_on else None
        cursor.execute("COMMIT")
    reader.close()
    assert again.wait() == 0, again.output
    assert told in again.output
    assert execute(database, VALID) == [(True,)]
    assert names(database) == ["0001", "0002"]
    assert JOURNAL not in tables(database)


INVALID = "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"


@pytest.mark.databases("postgresql")
def test_what_stock_migrate_left_invalid_is_built_again(concurrent, database):
    """Nothing was noted then, but the index says so itself."""
    execute(database, "ALTER TABLE shop_order ADD total integer")
    execute(database, 'CREATE INDEX "By total" ON shop_order (total)')
    execute(
        database,
        VALID.replace("SELECT indisvalid FROM", "UPDATE").replace(
            "WHERE", "SET indisvalid = false WHERE"
        ),
    )
    execute(database, "ALTER TABLE shop_order RENAME total TO other")
    output = concurrent.migrate(database=database)
    assert "The index By total is not valid" in output
    assert execute(database, VALID) == [(True,)]
