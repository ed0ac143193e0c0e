"""Deploys whose migrations are applied in parts, or reordered, on real databases."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations, models

import syzygy_like
from tests.support.orders import ledger, started
from tests.support.projects import applied, columns

pytestmark = pytest.mark.versions

ALL = {"MIGRATION_BRIDGE": "all"}
PK = ("id", models.BigAutoField(primary_key=True))
NULLABLE = models.IntegerField(null=True)
REQUIRED = models.IntegerField(default=7)
ORDER = migrations.CreateModel(
    "Order", [PK, ("price", NULLABLE), ("code", models.CharField(max_length=5))]
)


@pytest.fixture
def shop(project, database):
    """A project with one migration applied, which applies the next ones in parts."""
    started(project, database, "", ORDER)
    project.settings = dict(ALL)
    return project


def execute(database, sql, *params):
    with connections[database].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else None


def refused(project, *arguments, **options):
    with pytest.raises(CommandError) as caught:
        project.call(*arguments, **options)
    return str(caught.value)


def add(name, field):
    return migrations.AddField("order", name, field)


def test_a_required_field_is_added_in_parts(shop, database):
    shop.write("shop", "0002_total", add("total", REQUIRED))
    execute(database, "INSERT INTO shop_order (price, code) VALUES (1, 'a')")
    out = shop.migrate("--pre-deploy", database=database)
    assert "Applying shop.0002_total (expand)... OK" in out
    assert applied(database) == ["shop.0001_initial"]
    assert ledger(database) == [("0002_total", "expand", "applied")]
    execute(database, "INSERT INTO shop_order (price, code) VALUES (2, 'b')")
    assert "No migrations to apply" in shop.migrate("--pre-deploy", database=database)

    out = shop.migrate("--post-deploy", database=database)
    assert "Applying shop.0002_total (contract)... OK" in out
    assert applied(database) == ["shop.0001_initial", "shop.0002_total"]
    assert ledger(database) is None
    assert execute(database, "SELECT total FROM shop_order") == [(7,), (7,)]
    with pytest.raises(Exception, match=r"(?i)null|default"):
        execute(database, "INSERT INTO shop_order (price, code) VALUES (3, 'c')")


def test_two_features_go_out_in_one_deploy(shop, database):
    shop.settings = {"MIGRATION_BRIDGE": "none"}
    shop.write("shop", "0002_cost", add("cost", NULLABLE))
    shop.write("shop", "0003_remove_price", migrations.RemoveField("order", "price"))
    shop.write("shop", "0004_weight", add("weight", NULLABLE))
    shop.write("shop", "0005_short", migrations.AlterField("order", "cost", REQUIRED))
    out = shop.migrate("--pre-deploy", database=database)
    assert "Applying shop.0004_weight... OK" in out
    assert set(columns(database, "shop_order")) == {
        "id",
        "price",
        "code",
        "cost",
        "weight",
    }
    assert applied(database) == ["shop.0001_initial", "shop.0002_cost"]
    out = shop.migrate("--post-deploy", database=database)
    assert set(columns(database, "shop_order")) == {"id", "code", "cost", "weight"}
    assert applied(database)[-1] == "shop.0005_short"
    assert ledger(database) is None


def test_plain_migrate_finishes(shop, database):
    shop.write("shop", "0002_total", add("total", REQUIRED))
    shop.migrate("--pre-deploy", database=database)
    shop.write("shop", "0003_more", add("more", NULLABLE))
    out = shop.migrate(database=database)
    assert "Applying shop.0002_total (contract)... OK" in out
    assert "Applying shop.0003_more... OK" in out
    assert ledger(database) is None
    assert "No migrations to apply" in shop.migrate(database=database)


def test_a_deploy_is_given_up(shop, database):
    shop.write("shop", "0002_cost", add("cost", NULLABLE))
    shop.write("shop", "0003_total", add("total", REQUIRED))
    shop.write("shop", "0004_code", migrations.RemoveField("order", "code"))
    shop.migrate("--pre-deploy", database=database)
    execute(database, "INSERT INTO shop_order (price) VALUES (2)")
    message = refused(shop, "migrate", "--abort-deploy", database=database)
    assert "shop.Order.code is required again, but 1 row has" in message
    execute(database, "UPDATE shop_order SET code = 'x'")
    out = shop.migrate("--abort-deploy", database=database)
    assert "Unapplying shop.0004_code (expand)... OK" in out
    assert "Unapplying shop.0002_cost... OK" in out
    assert applied(database) == ["shop.0001_initial"]
    assert set(columns(database, "shop_order")) == {"id", "price", "code"}
    assert ledger(database) is None


def test_a_rename_is_refused_by_its_name(shop, database):
    rename = migrations.RenameField("order", "price", "cost")
    shop.write("shop", "0002_rename", rename, add("total", REQUIRED))
    shop.write("shop", "0003_more", add("more", REQUIRED))
    message = refused(shop, "migrate", "--pre-deploy", database=database)
    assert "Rename field price on order to cost" in message
    assert ledger(database) is None


def test_rows_are_filled_by_the_migrations_own_code(shop, database):
    shop.write_source(
        "shop",
        "0002_total",
        """
from django.db import migrations, models

def fill(apps, schema_editor):
    order = apps.get_model("shop", "Order")
    for each in order.objects.using(schema_editor.connection.alias):
        each.total = each.price * 2
        each.save()
    order.objects.using(schema_editor.connection.alias).create(price=9, code="x")

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "total", models.IntegerField(default=0)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveField("order", "code"),
    ]
""",
    )
    execute(database, "INSERT INTO shop_order (price, code) VALUES (4, 'a')")
    shop.migrate("--pre-deploy", database=database)
    assert execute(database, "SELECT price, total FROM shop_order") == [(4, 8), (9, 0)]
    shop.migrate("--post-deploy", database=database)
    assert set(columns(database, "shop_order")) == {"id", "price", "total"}
    assert execute(database, "SELECT price, total FROM shop_order") == [(4, 8), (9, 0)]


# The names of our functions from the executor's to the operation that runs.
FRAMES: list[list[str]] = []
ROOMS = ("executor", "safeguards")


def note_frames(apps, schema_editor):
    folder = Path(syzygy_like.__file__).parent
    rooms = [str(folder / room) for room in ROOMS]
    frames = [
        each.name
        for each in traceback.extract_stack()
        if each.filename.startswith(tuple(rooms))
    ]
    FRAMES.append(frames[frames.index("migrate") :])


@pytest.mark.parametrize("options", [(), ("--lock-timeout", "5s")])
@pytest.mark.parametrize("stage", ["--pre-deploy", "--migration-lock"])
@pytest.mark.parametrize("atomic", [True, False])
def test_few_calls_lead_to_an_operation(
    project, database, options, stage, atomic, monkeypatch
):
    monkeypatch.setattr(f"{__name__}.FRAMES", [])
    started(project, database, "", ORDER)
    project.settings = dict(ALL)
    operations = [add("total", REQUIRED), migrations.RunPython(note_frames)]
    project.write("shop", "0002_total", *operations, atomic=atomic)
    if connections[database].vendor == "sqlite":  # which has no limits
        options = ()
    project.migrate(stage, *options, database=database, verbosity=0)
    (frames,) = FRAMES
    assert len(frames) <= 5, frames
