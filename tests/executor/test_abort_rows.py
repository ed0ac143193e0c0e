"""Deploys that are aborted after the new version has written, and deleted, rows."""

from __future__ import annotations

import django
import pytest
from django.db import IntegrityError, connections, migrations, models, transaction

from tests.support.orders import (
    ABORT,
    ORDER,
    PK,
    PRE,
    execute,
    refused,
    remove,
    started,
    write,
)
from tests.support.projects import physical

ALL = {"MIGRATION_BRIDGE": "all"}
since_django_61 = pytest.mark.skipif(
    django.VERSION < (6, 1), reason="Django 6.1 has on_delete for the database"
)


def test_rows_without_a_value_are_told(project, database):
    started(project, database)
    start = physical(database)
    write(project, remove("code"))
    project.migrate(PRE, database=database)
    execute(database, "INSERT INTO shop_order (price) VALUES (2)")
    before = physical(database)
    for options in ((), ("--plan",)):
        message = refused(project, "migrate", ABORT, *options, database=database)
        assert "shop.Order.code is required again, but 1 row has" in message
        assert "Nothing was changed." in message
    assert physical(database) == before
    execute(database, "DELETE FROM shop_order WHERE code IS NULL")
    project.migrate(ABORT, database=database)
    assert physical(database) == start


def test_rows_get_the_default_that_the_field_has(project, database):
    field = models.IntegerField(default=5)
    project.write(
        "shop",
        "0001_initial",
        migrations.CreateModel("Order", [*ORDER.fields, ("size", field)]),
    )
    project.migrate(database=database, verbosity=0)
    project.settings = dict(ALL)
    write(project, remove("size"))
    project.migrate(PRE, database=database)
    execute(database, "INSERT INTO shop_order (price, code) VALUES (1, 'a')")
    project.migrate(ABORT, database=database)
    assert execute(database, "SELECT size FROM shop_order") == [(5,)]


@pytest.fixture
def lines(project, database):
    """A project in which each line has an order, until its next release."""
    order = models.ForeignKey("shop.Order", models.CASCADE)
    line = migrations.CreateModel("Line", [PK, ("order", order)])
    project.write("shop", "0001_initial", ORDER, line)
    project.migrate(database=database, verbosity=0)
    project.settings = dict(ALL)
    execute(database, "INSERT INTO shop_order (id, code) VALUES (1, 'a')")
    execute(database, "INSERT INTO shop_order (id, code) VALUES (2, 'b')")
    execute(database, "INSERT INTO shop_line (id, order_id) VALUES (1, 1)")
    execute(database, "INSERT INTO shop_line (id, order_id) VALUES (2, 2)")
    return project


@pytest.mark.skipif(django.VERSION >= (6, 1), reason="the database clears the key")
def test_rows_that_refer_to_nothing_go_as_the_key_says(lines, database):
    """The new version knows of no reference: nobody hinders it when it deletes."""
    start = physical(database)
    write(lines, migrations.RemoveField("line", "order"))
    lines.migrate(PRE, database=database)
    execute(database, "DELETE FROM shop_order WHERE id = 1")
    lines.migrate(ABORT, database=database)
    assert physical(database) == start
    assert execute(database, "SELECT id, order_id FROM shop_line") == [(2, 2)]


@since_django_61
@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize("null", [True, False])
def test_a_key_that_goes_is_cleared_while_both_versions_run(project, database, null):
    """No row refers to what is gone, and giving up brings the plain key back."""
    order = models.ForeignKey("shop.Order", models.CASCADE, null=null)
    line = migrations.CreateModel("Line", [PK, ("order", order)])
    project.write("shop", "0001_initial", ORDER, line)
    project.migrate(database=database, verbosity=0)
    project.settings = dict(ALL)
    execute(database, "INSERT INTO shop_order (id, code) VALUES (1, 'a')")
    execute(database, "INSERT INTO shop_line (id, order_id) VALUES (1, 1)")
    start = physical(database)
    write(project, migrations.RemoveField("line", "order"))
    project.migrate(PRE, database=database)
    execute(database, "DELETE FROM shop_order WHERE id = 1")
    assert execute(database, "SELECT id, order_id FROM shop_line") == [(1, None)]
    if not null:
        message = refused(project, "migrate", ABORT, database=database)
        assert "shop.Line.order is required again, but 1 row has" in message
        execute(database, "DELETE FROM shop_line WHERE order_id IS NULL")
    project.migrate(ABORT, database=database)
    assert physical(database) == start


@since_django_61
@pytest.mark.databases("sqlite", "postgresql")
def test_rows_of_a_model_that_goes_share_the_fate_of_their_targets(lines, database):
    start = physical(database)
    write(lines, migrations.DeleteModel("Line"))
    lines.migrate(PRE, database=database)
    execute(database, "DELETE FROM shop_order WHERE id = 1")
    assert execute(database, "SELECT id, order_id FROM shop_line") == [(2, 2)]
    lines.migrate(ABORT, database=database)
    assert physical(database) == start


def delete_order(database):
    with transaction.atomic(using=database):
        execute(database, "DELETE FROM shop_order WHERE id = 1")
        connections[database].check_constraints()


@pytest.mark.parametrize("on_delete", [models.PROTECT, models.RESTRICT])
def test_the_plan_tells_that_new_rows_protect_old_ones(project, database, on_delete):
    started(project, database)
    order = models.ForeignKey("shop.Order", on_delete)
    write(project, migrations.CreateModel("Line", [PK, ("order", order)]))
    plan = project.migrate(PRE, "--plan", database=database, verbosity=2)
    refused = "Line.order: the old version cannot delete rows of shop.Order"
    assert f"hazard: {refused}" in plan
    assert "[protected-delete]" in plan
    project.migrate(PRE, database=database)
    execute(database, "INSERT INTO shop_order (id, code) VALUES (1, 'a')")
    execute(database, "INSERT INTO shop_line (id, order_id) VALUES (1, 1)")
    with pytest.raises(IntegrityError):
        delete_order(database)
    assert execute(database, "SELECT id, order_id FROM shop_line") == [(1, 1)]


def test_lines_without_an_order_are_told(lines, database):
    write(lines, migrations.RemoveField("line", "order"))
    lines.migrate(PRE, database=database)
    execute(database, "INSERT INTO shop_line (id) VALUES (3)")
    message = refused(lines, "migrate", ABORT, database=database)
    assert "shop.Line.order is required again, but 1 row has" in message
    execute(database, "UPDATE shop_line SET order_id = 2 WHERE id = 3")
    lines.migrate(ABORT, database=database)
    found = execute(database, "SELECT id, order_id FROM shop_line ORDER BY id")
    assert found == [(1, 1), (2, 2), (3, 2)]


def test_tables_that_go_come_back_with_their_rows(lines, database):
    start = physical(database)
    write(lines, migrations.DeleteModel("Line"))
    lines.migrate(PRE, database=database)
    execute(database, "DELETE FROM shop_order WHERE id = 1")
    lines.migrate(ABORT, database=database)
    assert physical(database) == start
    assert execute(database, "SELECT id, order_id FROM shop_line") == [(2, 2)]
