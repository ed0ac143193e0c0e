"""Without our options migrate is Django's own, and both stages together make it up."""

from __future__ import annotations

import re

import pytest
from django.db import connections, migrations, models
from django.db.models.signals import post_migrate, pre_migrate
from django.test.utils import CaptureQueriesContext

from tests.support.projects import applied, physical, tables

pytestmark = pytest.mark.versions

VARYING = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "<moment>"),
    (r"\bs\d+_x\d+\b", "<savepoint>"),
    (r"\d+\.\d+s", "<seconds>"),
    (r"__new__\w+|_[0-9a-f]{8}_", "<digest>"),
)
KEY = ("id", models.BigAutoField(primary_key=True))


def order_migrations(project):
    """Write migrations of many kinds, of which the third one fits only post-deploy."""
    customer = migrations.CreateModel(
        "Customer", [KEY, ("name", models.CharField(max_length=20, unique=True))]
    )
    order = migrations.CreateModel(
        "Order",
        [
            KEY,
            ("customer", models.ForeignKey("shop.Customer", models.CASCADE)),
            ("price", models.IntegerField(null=True)),
            ("note", models.TextField(db_index=False, null=True)),
            ("friends", models.ManyToManyField("shop.Customer", related_name="+")),
        ],
    )
    project.write("shop", "0001_initial", customer, order, initial=True)
    wider = models.CharField(max_length=40, unique=True)
    project.write(
        "shop",
        "0002_expand",
        migrations.AddField("order", "cost", models.IntegerField(null=True)),
        migrations.AlterField("customer", "name", wider),
        migrations.CreateModel("Label", [KEY, ("text", models.TextField())]),
        migrations.AddField(
            "order", "labels", models.ManyToManyField("shop.Label", related_name="+")
        ),
    )
    index = models.Index(fields=["cost"], name="order_cost")
    project.write("shop", "0003_index", migrations.AddIndex("order", index))
    project.write(
        "shop",
        "0004_contract",
        migrations.RemoveField("order", "price"),
        migrations.AlterField("order", "cost", models.IntegerField(default=0)),
        migrations.RemoveField("order", "note"),
    )
    constraint = models.CheckConstraint(
        condition=models.Q(cost__gte=0), name="cost_not_negative"
    )
    project.write("shop", "0005_check", migrations.AddConstraint("order", constraint))


def normalized(text):
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    return text


def run(command, *arguments, database):
    """Return what a command prints and which queries it makes."""
    with CaptureQueriesContext(connections[database]) as queries:
        out = command(*arguments, database=database)
    return normalized(out), [normalized(each["sql"]) for each in queries]


def assert_same_as_django(project, databases, database, *options):
    """Compare a series of runs of both commands, each on a database of its own."""
    order_migrations(project)
    runs = []
    for command in (project.stock_migrate, project.migrate):
        databases.empty(database)
        runs.append(
            [
                run(command, *arguments, *options, database=database)
                for arguments in (
                    ["--plan"],
                    ["shop", "0002"],
                    [],
                    [],
                    ["shop", "0003"],
                )
            ]
        )
    stock, ours = runs
    # One query more: whether a deploy is under way.
    assert [(out, queries[1:]) for out, queries in ours] == stock


def test_plain_migrate_prints_and_asks_what_djangos_does(project, databases, database):
    assert_same_as_django(project, databases, database)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("verbosity", ["0", "2", "3"])
def test_so_it_does_at_every_verbosity(project, databases, database, verbosity):
    assert_same_as_django(project, databases, database, "-v", verbosity)


@pytest.mark.databases("sqlite")
def test_plain_check_exits_as_djangos_does(project, database):
    order_migrations(project)
    for arguments in (["--check"], ["--check", "--plan"]):
        assert project.exit_code("migrate", *arguments, database=database) == 1
    project.migrate(database=database)
    for arguments in (["--check"], ["--check", "--plan"]):
        assert project.exit_code("migrate", *arguments, database=database) == 0


def test_both_stages_end_where_djangos_migrate_does(project, databases, database):
    order_migrations(project)
    project.migrate("shop", "0001", database=database)
    assert "0004_contract" in project.migrate("--pre-deploy", database=database)
    project.migrate("--post-deploy", database=database)
    ours, history = physical(database), applied(database)
    databases.empty(database)
    project.stock_migrate("shop", "0001", database=database)
    project.stock_migrate(database=database)
    assert ours == physical(database)
    assert history == applied(database)


def test_so_does_the_pre_deploy_stage_alone_on_an_empty_database(
    project, databases, database
):
    order_migrations(project)
    project.migrate("--pre-deploy", database=database)
    ours, history = physical(database), applied(database)
    databases.empty(database)
    project.stock_migrate(database=database)
    assert ours == physical(database)
    assert history == applied(database)


def test_both_stages_backwards_end_where_djangos_migrate_does(
    project, databases, database
):
    order_migrations(project)
    project.migrate("shop", "0004", database=database)
    project.migrate("shop", "0002", "--pre-deploy", "--skip-blocked", database=database)
    project.migrate("shop", "0002", database=database)
    ours, history = physical(database), applied(database)
    databases.empty(database)
    project.stock_migrate("shop", "0004", database=database)
    project.stock_migrate("shop", "0002", database=database)
    assert ours == physical(database)
    assert history == applied(database)


@pytest.mark.databases("sqlite")
def test_signals_get_the_plan_of_the_stage(project, database):
    project.app("shop", "class Order(models.Model):\n    pass\n")
    order_migrations(project)
    project.migrate("shop", "0001", database=database)
    seen = []

    def note(signal, plan, sender, **kwargs):
        if sender.label == "shop":
            seen.append([(str(migration), undone) for migration, undone in plan])

    pre_migrate.connect(note)
    post_migrate.connect(note)
    try:
        project.migrate("--pre-deploy", database=database)
    finally:
        pre_migrate.disconnect(note)
        post_migrate.disconnect(note)
    assert seen == [[("shop.0002_expand", False), ("shop.0003_index", False)]] * 2


class OnlyShop:
    """Keeps all but one app off the database, and SQL without a hint."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label != "shop":
            return False
        return hints.get("target", "shop") == "shop" and model_name != "label"


def test_a_model_that_a_router_keeps_off_is_no_table(project, database):
    project.settings["DATABASE_ROUTERS"] = ["tests.management.test_stock.OnlyShop"]
    text = ("text", models.TextField())
    label = migrations.CreateModel("Label", [KEY, text])
    project.write("shop", "0001_initial", label, migrations.CreateModel("Order", [KEY]))
    project.migrate(database=database)
    project.write(
        "shop",
        "0002_label",  # whose table is elsewhere: no code here loses anything
        migrations.AddField("label", "size", models.IntegerField(default=0)),
        migrations.RemoveField("label", "text"),
    )
    project.migrate("--pre-deploy", database=database)
    assert applied(database)[-1] == "shop.0002_label"
    assert tables(database) == {"shop_order"}


def test_sql_whose_hints_a_router_refuses_does_nothing(project, database):
    project.settings["DATABASE_ROUTERS"] = ["tests.management.test_stock.OnlyShop"]
    project.write("shop", "0001_initial", migrations.CreateModel("Order", [KEY]))
    project.migrate(database=database)
    sql = "DROP TABLE shop_order"
    elsewhere = migrations.RunSQL(sql, hints={"target": "blog"})
    here = migrations.RunSQL(sql, state_operations=[migrations.DeleteModel("Order")])
    project.write("shop", "0002_elsewhere", elsewhere)
    project.write("shop", "0003_here", here)
    out = project.migrate("--pre-deploy", database=database)
    assert "Applying shop.0002_elsewhere... OK" in out
    assert "shop.0003_here  (post-deploy, inferred)" in out
    assert tables(database) == {"shop_order"}
