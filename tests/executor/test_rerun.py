"""An operation that is carried out again, after a run that broke off."""

from __future__ import annotations

import itertools

import pytest
from django.db import connections, migrations, models

from tests.support.orders import crash

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


def constraints(database, *names):
    """Return what the constraints of some tables are about, without their names."""
    connection = connections[database]
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = [
            (name, each)
            for name in names
            if name in tables
            for each in connection.introspection.get_constraints(cursor, name).values()
        ]
    kinds = ("unique", "index", "foreign_key", "check", "primary_key")
    return sorted(
        (name, each["columns"], *(str(each[kind]) for kind in kinds))
        for name, each in found
    )


UNIQUE = {"unique_together": {("a", "b")}}
NUMBER = models.IntegerField(null=True)
BOSS = models.ForeignKey("self", models.CASCADE, null=True)
A_B = models.Index(fields=["a", "b"], name="old_index")
# Each with what is there before.
CHANGES = {
    "a self-reference that is renamed": (
        [("boss", BOSS)],
        migrations.RenameField("person", "boss", "parent"),
    ),
    "a key that others refer to": (
        [("boss", BOSS)],
        migrations.AlterField("person", "id", models.BigIntegerField(primary_key=True)),
    ),
    "a model that is renamed": (
        [("boss", BOSS)],
        migrations.RenameModel("Person", "Human"),
    ),
    "what is unique together": (
        [("a", NUMBER), ("b", NUMBER), ("c", NUMBER)],
        migrations.AlterUniqueTogether("person", {("a", "c")}),
    ),
    "what is unique together no longer": (
        [("a", NUMBER), ("b", NUMBER)],
        migrations.AlterUniqueTogether("person", set()),
    ),
    "an index that is renamed": (
        [("a", NUMBER), ("b", NUMBER)],
        migrations.RenameIndex("person", new_name="new_index", old_name="old_index"),
    ),
}


@pytest.mark.databases("postgresql", "mysql")
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_run_that_broke_off_has_dropped_comes_back(project, database, change):
    fields, operation = CHANGES[change]
    options = UNIQUE if "together" in change else {}
    if "index" in change:
        options = {"indexes": [A_B]}
    person = migrations.CreateModel("Person", [PK, *fields], options)
    project.write("shop", "0001_initial", person)
    project.write("shop", "0002_changed", operation, atomic=False)
    ends = []
    for number in itertools.count():
        project.stock_migrate("shop", "zero", database=database, verbosity=0)
        project.stock_migrate("shop", "0001", database=database, verbosity=0)
        target = ("--migration-lock",)
        crashed = number and crash(project, *target, database=database, number=number)
        project.migrate(*target, database=database, verbosity=0)
        ends.append(constraints(database, "shop_person", "shop_human"))
        if number and not crashed:
            break
    assert ends == [ends[0]] * len(ends)
    assert len(ends) > 4


@pytest.mark.databases("mysql")
def test_python_may_change_a_schema_where_that_commits(project, database):
    project.write("shop", "0001_initial", migrations.CreateModel("Order", [PK]))
    project.write_source(
        "shop",
        "0002_python",
        "from django.db import migrations\n\n\n"
        "def run(apps, editor):\n"
        "    with editor.connection.cursor() as cursor:\n"
        '        cursor.execute("CREATE TABLE by_hand (number integer)")\n\n\n'
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("shop", "0001_initial")]\n'
        "    operations = [migrations.RunPython(run)]\n",
    )
    project.migrate("--migration-lock", database=database, verbosity=0)
    assert "by_hand" in connections[database].introspection.table_names()
