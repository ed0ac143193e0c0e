"""Migrations whose authors vouch for it that their place makes no difference."""

from __future__ import annotations

import pytest
from django.db import migrations, models

from syzygy_like import Stage
from tests.support.orders import (
    INITIAL,
    POST,
    PRE,
    add,
    assert_consistent,
    execute,
    finish,
    names,
    refused,
    remove,
    started,
    write,
)
from tests.support.projects import columns

NOOP = migrations.RunPython.noop
PYTHON = migrations.RunPython(NOOP, NOOP)
SQL = migrations.RunSQL("SELECT 1", "SELECT 1")


@pytest.fixture
def shop(project, database):
    """A project whose first migration is applied."""
    return started(project, database, "none")


@pytest.mark.parametrize("opaque", [PYTHON, SQL], ids=["python", "sql"])
@pytest.mark.parametrize("place", [2, 3])
def test_what_cannot_be_read_is_not_overtaken_nor_overtakes(
    shop, database, opaque, place
):
    if place == 2:
        shop.write("shop", "0002", opaque, stage=Stage.POST_DEPLOY)
        shop.write("shop", "0003", add("weight"))
    else:
        shop.write("shop", "0002", remove("price"))
        shop.write("shop", "0003", add("weight"), opaque)
    message = refused(shop, "migrate", PRE, database=database)
    assert "shop.0003 is needed before the deploy" in message
    assert "but it depends on shop.0002" in message
    assert names(database) == ["0001_initial"]


@pytest.mark.parametrize("opaque", [PYTHON, SQL], ids=["python", "sql"])
def test_authors_vouch_for_what_cannot_be_read(shop, database, opaque, databases):
    vouched = {"run_independently": True}
    shop.write("shop", "0002", remove("price"), opaque, **vouched)
    shop.write("shop", "0003", add("weight"), opaque, **vouched)
    shop.migrate(PRE, database=database)
    assert set(columns(database, "shop_order")) == INITIAL | {"weight"}
    assert names(database) == ["0001_initial"]
    assert_consistent(shop, database)
    finish(shop, database, databases)


@pytest.mark.parametrize("vouches", [2, 3])
def test_one_word_for_two_is_not_enough(shop, database, vouches):
    words = {vouches: {"run_independently": True}}
    shop.write("shop", "0002", remove("price"), PYTHON, **words.get(2, {}))
    shop.write("shop", "0003", add("weight"), PYTHON, **words.get(3, {}))
    assert "shop.0003 is needed" in refused(shop, "migrate", PRE, database=database)


def test_nobody_vouches_for_what_can_be_computed(shop, database):
    """Whatever the author says, a column cannot come before it has gone."""
    text = add("price", models.TextField(null=True))
    write(shop, remove("price"), text, run_independently=True)
    message = refused(shop, "migrate", PRE, database=database)
    assert "Order.price: the new version expects another type of column" in message
    assert set(columns(database, "shop_order")) == INITIAL


FILL = """
from django.db import migrations, models

def fill(apps, schema_editor):
    order = apps.get_model("shop", "Order")
    order.objects.using(schema_editor.connection.alias).create(code="x", weight=4)

class Migration(migrations.Migration):
    run_independently = True
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("order", "weight", models.IntegerField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
"""


def test_what_is_vouched_for_runs_once(shop, database):
    shop.write("shop", "0002", remove("price"))
    shop.write_source("shop", "0003", FILL)
    shop.migrate(PRE, database=database)
    assert execute(database, "SELECT code, weight FROM shop_order") == [("x", 4)]
    shop.migrate(POST, database=database)
    assert execute(database, "SELECT code, weight FROM shop_order") == [("x", 4)]
    assert names(database) == ["0001_initial", "0002", "0003"]


def test_a_declared_stage_and_a_word_take_a_function_ahead(shop, database, databases):
    words = {"run_independently": True}
    shop.write("shop", "0002", remove("price"))
    shop.write("shop", "0003", PYTHON, stage=Stage.PRE_DEPLOY, **words)
    out = shop.migrate(PRE, database=database)
    assert "Applying shop.0003... OK" in out
    assert names(database) == ["0001_initial"]
    finish(shop, database, databases)


def test_a_declared_stage_alone_does_not(shop, database):
    shop.write("shop", "0002", remove("price"))
    shop.write("shop", "0003", PYTHON, stage=Stage.PRE_DEPLOY)
    message = refused(shop, "migrate", PRE, database=database)
    assert "shop.0003" in message
    assert "shop.0002" in message
