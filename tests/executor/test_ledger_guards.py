"""What a deploy does not go on with: other files, other histories, other runs."""

from __future__ import annotations

import multiprocessing

import pytest
from django.core.management import CommandError
from django.db import migrations, models

from tests.support.databases import forget
from tests.support.orders import (
    ABORT,
    POST,
    PRE,
    REQUIRED,
    add,
    execute,
    ledger,
    names,
    refused,
    remove,
    write,
)
from tests.support.projects import columns

SLOW = """
import time

from django.db import migrations, models


def fill(apps, schema_editor):
    time.sleep(1)
    order = apps.get_model("shop", "Order")
    order.objects.using(schema_editor.connection.alias).create(code="x")


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "total", models.IntegerField(default=7)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
"""
CHILD = """
from django.db import migrations, models


def there(apps, schema_editor):
    alias = schema_editor.connection.alias
    order = apps.get_model("shop", "Order").objects.using(alias).create(code="x")
    apps.get_model("shop", "Line").objects.using(alias).create(order=order)


def back(apps, schema_editor):
    alias = schema_editor.connection.alias
    apps.get_model("shop", "Line").objects.using(alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField("line", "total", models.IntegerField(default=7)),
        migrations.RunPython(there, back),
        migrations.RemoveField("line", "note"),
    ]
"""


def test_a_file_that_has_changed_since_is_noticed(shop, database):
    write(shop, add("total", REQUIRED), remove("code"))
    shop.migrate(PRE, database=database)
    shop.write("shop", "0002", add("other", REQUIRED))
    for option in (PRE, POST, ABORT):
        message = refused(shop, "migrate", option, database=database)
        assert "shop.0002 is not what it was when it was applied" in message
    assert "total" in columns(database, "shop_order")
    write(shop, add("total", REQUIRED), remove("code"))
    shop.migrate(POST, database=database)
    assert ledger(database) is None


def test_a_run_of_django_in_the_middle_is_noticed(shop, database):
    write(shop, remove("code"), add("weight"))
    shop.migrate(PRE, database=database)
    assert names(database) == ["0001_initial"]
    shop.stock_migrate("shop", "0002", database=database)
    for option in (PRE, POST, ABORT):
        message = refused(shop, "migrate", option, database=database)
        assert "shop.0002 is recorded as applied, but not by this app" in message


@pytest.mark.databases("postgresql")
def test_of_two_runs_one_gives_up(shop, database):
    shop.write_source("shop", "0002", SLOW)
    forget(database)  # a connection is not to be shared
    processes = multiprocessing.get_context("fork")
    refusals = processes.SimpleQueue()

    def run():
        try:
            shop.migrate(PRE, database=database, verbosity=0)
        except CommandError as error:
            refusals.put(str(error))
        else:
            refusals.put("")  # the first, or one that came when all was done

    runs = [processes.Process(target=run) for _ in range(2)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert [each.exitcode for each in runs] == [0, 0]
    assert "" in [refusals.get() for _ in runs]
    assert execute(database, "SELECT count(*) FROM shop_order") == [(1,)]


def test_rows_that_a_function_deletes_do_not_keep_a_deploy_from_its_start(
    shop, database
):
    key = models.ForeignKey("shop.Order", models.CASCADE)
    note = models.CharField(max_length=9, default="")
    fields = [("id", models.BigAutoField(primary_key=True)), ("order", key)]
    line = migrations.CreateModel("Line", [*fields, ("note", note)])
    write(shop, line)
    shop.migrate(database=database, verbosity=0)
    shop.write_source("shop", "0003", CHILD)
    shop.migrate(PRE, database=database)
    assert execute(database, "SELECT total FROM shop_line") == [(7,)]
    shop.migrate(ABORT, database=database)
    assert execute(database, "SELECT note FROM shop_line") == []
    assert names(database) == ["0001_initial", "0002"]
