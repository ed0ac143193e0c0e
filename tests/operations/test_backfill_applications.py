"""Backfills that were cut off, and whose migrations are then applied otherwise."""

from __future__ import annotations

import time

import pytest
from django.db import connections, migrations, models

from syzygy_like.operations import Backfill
from tests.support.backfills import (
    AGAIN,
    INTEGER,
    cut_off,
    is_under_way,
    numbers,
    order,
    started,
)
from tests.support.killing import Child
from tests.support.orders import execute, names

TOTAL = migrations.AddField("order", "total", models.IntegerField(null=True))
FILL = Backfill("Order", {"total": 7}, reverse={"total": None}, batch_size=2)


def stock(project, database, *arguments, **options):
    project.stock_migrate(*arguments, database=database, verbosity=0, **options)


def guarded(project, database, *arguments):
    project.migrate(*arguments, "--migration-lock", database=database, verbosity=0)


any_command = pytest.mark.parametrize("migrate", [stock, guarded])


def cut(project, database, batches, *arguments):
    """Run Django's own command, which dies after so many batches."""
    assert cut_off(database, batches, project.stock_migrate, *arguments)


@pytest.fixture
def shop(project, database):
    """A project with nine orders, a column that is added, and a backfill of it."""
    started(project, database, *range(1, 10))
    project.write("shop", "0002", TOTAL)
    project.write("shop", "0003", FILL, atomic=False)
    return project


@any_command
def test_a_column_that_came_again_is_filled_from_the_start(shop, database, migrate):
    def begin():
        cut_off(database, 2, lambda **options: migrate(shop, database), kills=True)

    assert Child(shop.folder, begin).wait() == -9
    assert numbers(database, "total") == [7] * 4 + [None] * 5
    stock(shop, database, "shop", "0001")
    migrate(shop, database)
    assert numbers(database, "total") == [7] * 9
    assert not is_under_way(database)


@any_command
def test_it_goes_on_where_nothing_else_was_done(shop, database, migrate):
    again = Backfill("Order", AGAIN, batch_size=2)
    shop.write("shop", "0003", again, atomic=False)
    cut(shop, database, 2)
    shop.write("other", "0001", migrations.CreateModel("Other", [("n", INTEGER)]))
    stock(shop, database, "other")
    (shop.folder / "shop/migrations/0003.py").unlink()
    shop.write("shop", "0003_of_another_name", again, atomic=False)
    migrate(shop, database)
    # SQLite does not tell what table was altered.
    count = 1 + (connections[database].vendor == "sqlite")
    assert numbers(database) == [count] * 4 + [1] * 5


@pytest.mark.parametrize("name", ["", "The orders"])
def test_a_column_that_was_dropped_by_hand_is_filled_from_the_start(
    project, database, name
):
    """What Django has recorded does not tell: the migration was not."""
    if name and database == "postgresql":
        execute(database, "CREATE SCHEMA archive")
        name = '"archive"."The orders"'
    table = order()
    table.options["db_table"] = name or "shop_order"
    quoted = connections[database].ops.quote_name(name or "shop_order")
    project.write("shop", "0001", table)
    stock(project, database)
    execute(database, f"INSERT INTO {quoted} (n) VALUES (0), (0), (0)")
    fill = Backfill("Order", {"total": 7}, batch_size=1)
    project.write("shop", "0002", TOTAL, fill, atomic=False)
    cut(project, database, 2)
    if connections[database].vendor == "mysql":  # which counts in seconds
        time.sleep(1.1)
    execute(database, f"ALTER TABLE {quoted} DROP COLUMN total")
    stock(project, database)
    found = execute(database, f"SELECT total FROM {quoted}")
    assert [total for (total,) in found] == [7] * 3


def test_a_column_of_another_app_is_filled_from_the_start(project, database):
    """A model may inherit from one of an app that it comes after."""
    started(project, database, *range(1, 10))
    project.write("shop", "0002", TOTAL)
    gift = migrations.CreateModel("Gift", [("x", INTEGER)], bases=("shop.order",))
    after = [("shop", "0001_initial")]
    project.write("gifts", "0001", gift, dependencies=after)
    fill = Backfill("Gift", {"total": 7}, batch_size=2)
    project.write(
        "gifts",
        "0002",
        fill,
        atomic=False,
        dependencies=[("gifts", "0001"), ("shop", "0002")],
    )
    stock(project, database, "gifts", "0001")
    for key in range(1, 10):
        execute(database, f"INSERT INTO gifts_gift VALUES ({key}, 0)")
    cut(project, database, 2)
    assert numbers(database, "total") == [7] * 4 + [None] * 5
    stock(project, database, "shop", "0001")
    stock(project, database)
    assert numbers(database, "total") == [7] * 9


def test_the_same_in_a_later_migration_begins_at_the_beginning(shop, database):
    shop.write("shop", "0004", FILL, atomic=False)
    cut(shop, database, 2)
    stock(shop, database, "shop", "0003", fake=True)
    execute(database, "UPDATE shop_order SET total = NULL")
    stock(shop, database)
    assert numbers(database, "total") == [7] * 9


def test_two_that_are_equal_leave_out_no_row(shop, database):
    """The second goes on as the first, and then once more from the start."""
    empty = migrations.RunSQL("UPDATE shop_order SET total = NULL")
    shop.write("shop", "0003", FILL, empty, FILL, atomic=False)
    cut(shop, database, 8)
    assert numbers(database, "total") == [7] * 4 + [None] * 5
    stock(shop, database)
    assert numbers(database, "total") == [7] * 9


def test_one_that_is_vouched_for_is_undone_from_the_end(shop, database):
    cut(shop, database, 2)
    stock(shop, database, "shop", "0003", fake=True)
    execute(database, "UPDATE shop_order SET total = 7")
    stock(shop, database, "shop", "0002")
    assert numbers(database, "total") == [None] * 9


def test_one_that_is_half_undone_is_done_from_the_start(shop, database):
    stock(shop, database)
    cut(shop, database, 3, "shop", "0002")
    assert numbers(database, "total") == [7] * 3 + [None] * 6
    stock(shop, database, "shop", "0002", fake=True)
    execute(database, "UPDATE shop_order SET total = NULL")
    stock(shop, database)
    assert numbers(database, "total") == [7] * 9
    assert names(database) == ["0001_initial", "0002", "0003"]


def test_what_is_left_of_another_application_does_not_stay(shop, database):
    cut(shop, database, 2)
    stock(shop, database, "shop", "0001")
    execute(database, "DELETE FROM shop_order")
    stock(shop, database)
    assert not is_under_way(database)
