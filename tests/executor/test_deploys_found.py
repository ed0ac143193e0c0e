"""Deploys that random histories have found."""

from __future__ import annotations

import django
import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations, models
from django.db.migrations.state import ProjectState

from syzygy_like.rehearsal.inspection import difference, inspect
from syzygy_like.rehearsal.workload.rows import Rows, highest
from tests.executor.test_phases import PK, REQUIRED, execute, ledger, refused
from tests.support.orders import PRE, crash
from tests.support.projects import migration

ALL = {"MIGRATION_BRIDGE": "all"}
NAMED = models.IntegerField(db_column="other")


@pytest.fixture
def app(project, database):
    """A project with a model Order, which applies migrations in parts."""
    project.settings = dict(ALL)
    project.write(
        "shop",
        "0001_initial",
        migrations.CreateModel(
            "Order",
            [
                PK,
                ("day", models.TimeField()),
                ("count", models.IntegerField(null=True)),
            ],
        ),
    )
    project.migrate(database=database, verbosity=0)
    return project


def stock_end(app, databases, database):
    """Return where Django's own migrate leads, from an empty database."""
    databases.empty(database)
    app.stock_migrate(database=database, verbosity=0)
    return inspect(database)


# The contract part is lost: its table is no longer managed.
def test_a_model_that_is_not_managed_any_longer_is_finished(app, databases, database):
    app.write("shop", "0002_total", migrations.AddField("order", "total", REQUIRED))
    options = migrations.AlterModelOptions("order", {"managed": False})
    app.write("shop", "0003_unmanaged", options)
    app.migrate("--pre-deploy", database=database)
    app.migrate("--post-deploy", database=database)
    ours = inspect(database)
    assert difference(ours, stock_end(app, databases, database)) == ""


# Two versions want two types of one column: the new one is rolled out all the same.
def test_a_name_used_again_for_another_type_is_refused(app, database):
    app.write("shop", "0002_remove", migrations.RemoveField("order", "day"))
    again = migrations.AddField("order", "day", models.UUIDField(null=True))
    alter = migrations.AlterField("order", "count", models.SmallIntegerField(null=True))
    app.write("shop", "0003_again", again, alter)
    message = refused(app, "migrate", "--pre-deploy", database=database)
    assert "day" in message
    assert ledger(database) is None


# In between both models would have the field, which Django does not permit.
def test_a_field_that_moves_from_a_parent_to_its_child_is_refused(app, database):
    child = migrations.CreateModel("Rush", [], bases=("shop.order",))
    app.write("shop", "0002_rush", child)
    app.migrate(database=database, verbosity=0)
    app.write(
        "shop",
        "0003_count",
        migrations.RemoveField("order", "count"),
        migrations.AddField("rush", "count", models.IntegerField(null=True)),
    )
    refused(app, "migrate", "--pre-deploy", database=database)
    assert ledger(database) is None


# What is to be removed has never been built.
def test_a_constraint_comes_and_goes_in_one_deploy(app, databases, database):
    condition = models.Q(count__gte=1)
    check = models.CheckConstraint(condition=condition, name="counted")
    app.write("shop", "0002_check", migrations.AddConstraint("order", check))
    app.write(
        "shop",
        "0003_no_check",
        migrations.RemoveConstraint("order", "counted"),
        migrations.RemoveField("order", "day"),
    )
    app.migrate("--pre-deploy", database=database)
    app.migrate("--post-deploy", database=database)
    ours = inspect(database)
    assert difference(ours, stock_end(app, databases, database)) == ""


# The rows of the new table hold what the code now serving deletes.
@pytest.mark.parametrize(
    "renamed",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.xfail(
                reason="a table that is renamed in the same deploy is not in parts"
            ),
        ),
    ],
)
def test_rows_of_a_new_many_to_many_table_do_not_hold_others(app, database, renamed):
    table = "related" if renamed else None
    many = models.ManyToManyField("shop.Order", related_name="+", db_table=table)
    app.write("shop", "0002_total", migrations.AddField("order", "total", REQUIRED))
    app.write("shop", "0003_others", migrations.AddField("order", "others", many))
    if renamed:
        many = models.ManyToManyField("shop.Order", related_name="+")
        alter = migrations.AlterField("order", "others", many)
        app.write("shop", "0004_default_name", alter)
    app.migrate("--pre-deploy", database=database)
    order = "INSERT INTO shop_order (id, day, total) VALUES (1, '10:00', 1)"
    execute(database, order)
    columns = "(from_order_id, to_order_id)"
    execute(database, f"INSERT INTO shop_order_others {columns} VALUES (1, 1)")
    execute(database, "DELETE FROM shop_order")


# What is left of 0003 waits for 0005, which is about the same model: too long for 0004.
def test_a_column_that_another_field_takes_over_is_finished(app, databases, database):
    app.write("shop", "0002_one", migrations.AlterField("order", "count", NAMED))
    app.migrate(database=database, verbosity=0)
    app.write("shop", "0003_remove", migrations.RemoveField("order", "count"))
    app.write("shop", "0004_again", migrations.AddField("order", "other", REQUIRED))
    app.write("shop", "0005_day", migrations.RemoveField("order", "day"))
    app.migrate("--pre-deploy", database=database)
    app.migrate("--post-deploy", database=database)
    ours = inspect(database)
    assert difference(ours, stock_end(app, databases, database)) == ""


# SQLite makes a table again, under another name at first, which stays behind.
@pytest.mark.databases("sqlite")
def test_a_table_that_is_being_made_again_without_a_transaction(app, database):
    remove = migrations.RemoveField("order", "day")
    app.write("shop", "0002_remove", remove, atomic=False)
    app.write("shop", "0003_total", migrations.AddField("order", "total", REQUIRED))
    for number in range(100):
        crashed = crash(app, PRE, database=database, number=number)
        app.migrate(PRE, database=database, verbosity=0)
        app.migrate("--abort-deploy", database=database, verbosity=0)
        if not crashed:
            break
    assert not crashed


# What holds a row that loses its target: relations without on_delete, or hidden ones.
@pytest.mark.parametrize("hidden", [False, True])
def test_rows_whose_target_is_gone_may_be_held_in_any_way(app, database, hidden):
    order = models.ForeignKey("shop.Order", models.CASCADE, related_name="+")
    name = "+" if hidden else "children"
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name=name)
    fields = [PK, ("order", order), ("parent", parent)]
    tag = [PK]
    if not hidden:
        tag.append(("notes", models.ManyToManyField("shop.Note")))
    app.write(
        "shop",
        "0002_note",
        migrations.CreateModel("Note", fields),
        migrations.CreateModel("Tag", tag),
    )
    app.migrate(database=database, verbosity=0)
    execute(database, "INSERT INTO shop_order (id, day) VALUES (1, '10:00')")
    execute(database, "INSERT INTO shop_order (id, day) VALUES (2, '10:00')")
    note = "INSERT INTO shop_note (id, order_id, parent_id) VALUES"
    execute(database, f"{note} (1, 1, NULL), (2, 2, 1)")
    app.write("shop", "0003_no_order", migrations.RemoveField("note", "order"))
    app.migrate("--pre-deploy", database=database)
    execute(database, "DELETE FROM shop_order WHERE id = 1")
    if django.VERSION >= (6, 1) and database != "mysql":
        # The database has cleared the key: the new version may have written that row.
        with pytest.raises(CommandError, match="1 row has no value there"):
            app.migrate("--abort-deploy", database=database)
        execute(database, "UPDATE shop_note SET parent_id = NULL")
        execute(database, "DELETE FROM shop_note WHERE order_id IS NULL")
    app.migrate("--abort-deploy", database=database)
    assert ledger(database) is None
    assert execute(database, "SELECT id, parent_id FROM shop_note") == [(2, None)]


# Django drops the column of what Meta orders, and would add it again as a field.
@pytest.mark.parametrize("last", [1, 2, 3])
def test_rows_keep_their_places_while_they_are_no_longer_ordered(
    app, databases, database, last
):
    order = models.ForeignKey("shop.Order", models.CASCADE, null=True)
    options = {"order_with_respect_to": "order"}
    line = migrations.CreateModel("Line", [PK, ("order", order)], options)
    app.write("shop", "0002_line", line)
    app.migrate(database=database, verbosity=0)
    places = "SELECT id, _order FROM shop_line"
    execute(database, "INSERT INTO shop_line (id, _order) VALUES (1, 3)")
    start = inspect(database)
    operations = [
        migrations.AlterOrderWithRespectTo("line", None),
        migrations.RemoveField("line", "order"),
        migrations.DeleteModel("Order"),
    ]
    app.write("shop", "0003_no_order", *operations[:last])
    app.migrate("--pre-deploy", database=database)
    execute(database, "INSERT INTO shop_line (id) VALUES (2)")
    app.migrate("--abort-deploy", database=database)
    assert difference(inspect(database), start) == ""
    assert sorted(execute(database, places)) == [(1, 3), (2, 0)]
    app.migrate("--pre-deploy", database=database)
    assert sorted(execute(database, places)) == [(1, 3), (2, 0)]
    app.migrate("--post-deploy", database=database)
    ours = inspect(database)
    assert difference(ours, stock_end(app, databases, database)) == ""


def test_rows_keep_the_places_that_they_get_before_they_are_ordered(
    app, databases, database
):
    order = models.ForeignKey("shop.Order", models.CASCADE, null=True)
    line = migrations.CreateModel("Line", [PK, ("order", order)])
    app.write("shop", "0002_line", line)
    app.migrate(database=database, verbosity=0)
    ordered = migrations.AlterOrderWithRespectTo("line", "order")
    app.write("shop", "0003_ordered", ordered)
    app.migrate("--pre-deploy", database=database)
    execute(database, "INSERT INTO shop_line (id, _order) VALUES (1, 3)")
    app.migrate("--post-deploy", database=database)
    assert execute(database, "SELECT id, _order FROM shop_line") == [(1, 3)]
    ours = inspect(database)
    assert difference(ours, stock_end(app, databases, database)) == ""


# SQLite 3.40 returns large keys as floats if the first column is a REAL.
def test_the_largest_key_of_all_is_found_again(project, database):
    number = ("number", models.FloatField())
    made = migration("shop", "0001", migrations.CreateModel("Order", [number, PK]))
    model = made.mutate_state(ProjectState()).apps.get_model("shop", "order")
    with connections[database].schema_editor() as editor:
        editor.create_model(model)
    row = Rows(database).create(model, highest)
    assert model.objects.using(database).get(pk=row.pk).number == row.number
