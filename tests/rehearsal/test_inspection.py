"""What a rehearsal sees of a schema: all that matters to a query, and no more."""

from __future__ import annotations

import pytest
from django.db import connections, migrations, models

from syzygy_like.rehearsal.inspection import changes, difference, inspect
from tests.support.orders import PK, execute

KEY = models.ForeignKey("shop.Customer", models.CASCADE)
FIELDS = [
    PK,
    ("code", models.CharField(max_length=9, unique=True)),
    ("price", models.IntegerField()),
    ("customer", KEY),
]
SMALL = models.CheckConstraint(condition=models.Q(price__lt=9), name="small")
OTHER = models.CheckConstraint(condition=models.Q(price__lt=8), name="small")
BY_CODE = models.Index(fields=["code", "price"], name="by_code")

CHANGES = {
    "a column": (migrations.AddField("order", "x", models.TextField(null=True)), {"x"}),
    "NOT NULL": (
        migrations.AlterField("order", "price", models.IntegerField(null=True)),
        {"price"},
    ),
    "a type": (
        migrations.AlterField("order", "price", models.BigIntegerField()),
        {"price"},
    ),
    "a default": (
        migrations.AlterField("order", "price", models.IntegerField(db_default=3)),
        {"price"},
    ),
    "an index": (migrations.AddIndex("order", BY_CODE), {"code", "price"}),
    "what is unique": (
        migrations.AlterField("order", "code", models.CharField(max_length=9)),
        {"code"},
    ),
    "a foreign key": (
        migrations.AlterField(
            "order",
            "customer",
            models.ForeignKey("shop.Customer", models.CASCADE, db_constraint=False),
        ),
        {"customer_id", "id"},
    ),
    "a check": (migrations.AddConstraint("order", SMALL), {"price"}),
}


@pytest.fixture
def shop(project, database):
    customer = migrations.CreateModel("Customer", [PK])
    project.write("shop", "0001", customer, migrations.CreateModel("Order", FIELDS))
    project.migrate(database=database, verbosity=0)
    return project


@pytest.mark.parametrize("case", CHANGES)
def test_a_difference_is_seen_with_its_columns(shop, database, case):
    operation, columns = CHANGES[case]
    before = inspect(database)
    shop.write("shop", "0002", operation)
    shop.migrate(database=database, verbosity=0)
    after = inspect(database)
    assert difference(before, after)
    assert changes(before, after) == {"shop_order": columns}


def test_nothing_differs_after_a_change_and_back(shop, database):
    before = inspect(database)
    for name, (operation, _) in CHANGES.items():
        if name == "a foreign key" and database == "mysql":
            continue  # whose index stays, and the key uses it when it comes back
        shop.write("shop", "0002", operation)
        shop.migrate(database=database, verbosity=0)
        shop.migrate("shop", "0001", database=database, verbosity=0)
        found = difference(inspect(database), before)
        assert found == "", (name, found)


@pytest.mark.databases("postgresql")
def test_an_invalid_index_is_no_valid_one(shop, database):
    execute(database, "CREATE INDEX by_price ON shop_order (price)")
    before = inspect(database)
    execute(
        database,
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'by_price'::regclass",
    )
    assert "INVALID" in difference(before, inspect(database))


def test_a_check_with_another_limit_is_another_check(shop, database):
    if not connections[database].features.supports_table_check_constraints:
        pytest.skip("no checks")
    shop.write("shop", "0002", migrations.AddConstraint("order", SMALL))
    shop.migrate(database=database, verbosity=0)
    before = inspect(database)
    shop.write(
        "shop",
        "0003",
        migrations.RemoveConstraint("order", "small"),
        migrations.AddConstraint("order", OTHER),
    )
    shop.migrate(database=database, verbosity=0)
    assert difference(before, inspect(database))
