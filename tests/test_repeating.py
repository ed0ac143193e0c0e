"""An operation that is carried out again, after a run that broke off."""

from __future__ import annotations

import itertools

import pytest
from django.db import connections, migrations, models

from tests.orders import crash

PK = ("id", models.BigAutoField(primary_key=True))
NULLABLE = models.ForeignKey("shop.Order", models.CASCADE, null=True)
REQUIRED = models.ForeignKey("shop.Order", models.CASCADE, default=1)
PRODUCTS = models.ManyToManyField("shop.Product")
ORDERS = models.ManyToManyField("shop.Order", related_name="+")


def foreign_keys(database):
    """Return what the lines and their many-to-many table refer to."""
    connection = connections[database]
    with connection.cursor() as cursor:
        found = {
            table: connection.introspection.get_constraints(cursor, table)
            for table in ("shop_line", "shop_line_parts")
        }
    return {
        (table, *each["columns"], *each["foreign_key"])
        for table, constraints in found.items()
        for each in constraints.values()
        if each["foreign_key"]
    }


def survives(project, database, start, *target):
    """Assert that a run may break off before any statement, and run again."""
    found = []
    for number in itertools.count():
        project.stock_migrate("shop", start, database=database, verbosity=0)
        # The first one is not interrupted.
        crashed = number and crash(project, *target, database=database, number=number)
        project.migrate(*target, database=database, verbosity=0)
        found.append(foreign_keys(database))
        if number and not crashed:
            break
    assert found == [found[0]] * len(found)
    assert len(found) > 4
    assert len(found[0]) == 3


@pytest.fixture
def lines(project):
    """A project whose lines may do without an order."""
    fields = [PK, ("order", NULLABLE), ("parts", PRODUCTS)]
    project.write(
        "shop",
        "0001_initial",
        migrations.CreateModel("Order", [PK]),
        migrations.CreateModel("Product", [PK]),
        migrations.CreateModel("Line", fields),
    )
    return project


# MySQL has no transaction for what alters a table, PostgreSQL none if it is told so.
@pytest.mark.databases("postgresql", "mysql")
def test_an_altered_foreign_key_keeps_its_constraint(lines, database):
    alter = migrations.AlterField("line", "order", REQUIRED)
    lines.write("shop", "0002_altered", alter, atomic=False)
    survives(lines, database, "0001", "--post-deploy")


@pytest.mark.databases("postgresql")
def test_so_does_a_many_to_many_table(lines, database):
    alter = migrations.AlterField("line", "parts", ORDERS)
    lines.write("shop", "0002_altered", alter, atomic=False)
    survives(lines, database, "0001", "--migration-lock")


@pytest.mark.databases("postgresql")
def test_so_does_what_is_unapplied(lines, database):
    alter = migrations.AlterField("line", "order", REQUIRED)
    lines.write("shop", "0002_altered", alter, atomic=False)
    survives(lines, database, "0002", "shop", "0001", "--migration-lock")
