"""Files of which something is carried out are not rewritten."""

from __future__ import annotations

import pytest
from django.db import migrations

from tests.support.orders import (
    ABORT,
    POST,
    PRE,
    REQUIRED,
    add,
    refused,
    remove,
    started,
)

MODELS = """
class Order(models.Model):
    id = models.BigAutoField(primary_key=True)
    price = models.IntegerField(null=True)
    note = models.CharField(max_length=9, null=True)
    code = models.CharField(max_length=5)
    total = models.IntegerField(default=7)
    late = models.IntegerField(null=True)
"""
SPLIT = ("makemigrations", "shop", "0002", "--split")
UPDATE = ("makemigrations", "shop", "--update")


@pytest.fixture
def shop(project, database):
    started(project, database)
    project.app("shop", MODELS)
    return project


def files(project):
    return {p.name: p.read_text() for p in project.migrations("shop").glob("*.py")}


def assert_left_alone(project, database, *arguments):
    before = files(project)
    message = refused(project, *arguments, interactive=False, verbosity=0)
    assert f"Part of shop.0002 has run on the database {database!r}" in (message)
    assert "migrate --abort-deploy" in message
    assert files(project) == before


def test_what_a_deploy_has_begun_is_neither_split_nor_updated(shop, database):
    shop.write("shop", "0002", remove("price"), add("total", REQUIRED))
    shop.app("shop", MODELS.replace("    price = models.IntegerField(null=True)\n", ""))
    shop.migrate(PRE, database=database)
    assert_left_alone(shop, database, *SPLIT)
    assert_left_alone(shop, database, *UPDATE)
    shop.migrate(ABORT, database=database)
    shop.call(*SPLIT, interactive=False, verbosity=0)
    assert len(files(shop)) == 4
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)


def test_what_a_run_has_begun_is_not_updated(shop, database):
    broken = migrations.RunSQL("SELECT nothing FROM nowhere", "SELECT 1")
    shop.settings["MIGRATION_GUARD"] = "all"
    shop.write("shop", "0002", add("total", REQUIRED), broken, atomic=False)
    refused(shop, "migrate", database=database)
    assert_left_alone(shop, database, *UPDATE)
    fine = migrations.RunSQL("SELECT 1", "SELECT 1")
    shop.write("shop", "0002", add("total", REQUIRED), fine, atomic=False)
    shop.migrate(database=database)


def test_what_is_not_begun_is_updated(shop, database):
    shop.write("shop", "0002", add("total", REQUIRED))
    shop.call(*UPDATE, interactive=False, verbosity=0)
    assert "late" in "".join(files(shop).values())
