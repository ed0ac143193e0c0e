"""Deploys under way, and what Django's own apps do around migrations."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AbstractUser
from django.db import migrations, models

from tests.support.orders import (
    ORDER,
    PK,
    POST,
    PRE,
    REQUIRED,
    add,
    assert_consistent,
    execute,
    finish,
    ledger,
    remove,
    started,
    write,
)
from tests.support.projects import columns, tables

CONTRIB = ["django.contrib.contenttypes", "django.contrib.auth"]
FIELDS = """
    price = models.IntegerField(null=True)
    note = models.CharField(max_length=9, null=True)
    code = models.CharField(max_length=5)
"""


@pytest.fixture
def shop(project, database):
    """A project with content types and permissions; its first migration is applied."""
    project.apps += CONTRIB
    project.app("shop", f"class Order(models.Model):{FIELDS}")
    return started(project, database)


def content_types(database):
    sql = (
        "SELECT model FROM django_content_type WHERE app_label = 'shop' ORDER BY model"
    )
    return [model for (model,) in execute(database, sql)]


def permissions(database):
    sql = "SELECT codename FROM auth_permission ORDER BY codename"
    return [name for (name,) in execute(database, sql) if name.startswith("view_")]


def test_what_comes_gets_its_content_type_and_permissions_at_once(shop, database):
    shop.app(
        "shop",
        f"class Order(models.Model):{FIELDS}    total = models.IntegerField()\n\n"
        "class Line(models.Model):\n    pass\n",
    )
    write(shop, add("total", REQUIRED), migrations.CreateModel("Line", [PK]))
    shop.migrate(PRE, database=database)
    assert content_types(database) == ["line", "order"]
    assert "view_line" in permissions(database)
    shop.migrate(POST, database=database)
    assert content_types(database) == ["line", "order"]


def test_what_goes_keeps_its_content_type_until_it_is_removed(shop, database):
    write(shop, add("total", REQUIRED), migrations.DeleteModel("Order"))
    shop.app("shop", "")
    for stage in (PRE, POST):
        shop.migrate(stage, database=database)
        assert content_types(database) == ["order"]
    assert "shop_order" not in tables(database)


def test_a_model_renamed_in_place_is_the_same_content_type(shop, database):
    """Django's operation for it comes with the rename, before or after others."""
    table = migrations.AlterModelTable("order", "shop_order")
    rename = migrations.RenameModel("Order", "Purchase")
    shop.write("shop", "0002", add("total", REQUIRED))
    shop.write("shop", "0003", table, rename)
    shop.app(
        "shop",
        f"class Purchase(models.Model):{FIELDS}    total = models.IntegerField()\n"
        "    class Meta:\n        db_table = 'shop_order'\n",
    )
    (number,) = execute(
        database, "SELECT id FROM django_content_type WHERE model = 'order'"
    )
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    assert content_types(database) == ["purchase"]
    found = execute(
        database, "SELECT id FROM django_content_type WHERE model = 'purchase'"
    )
    assert found == [number]


def test_a_contrib_app_that_is_behind(project, database):
    """Its own history fits no stage in places; the shop has to wait for none of it."""
    project.apps += CONTRIB
    first = [("auth", "0001_initial")]
    project.write("shop", "0001_initial", ORDER, dependencies=first)
    project.migrate("auth", "0001", database=database, verbosity=0)
    project.migrate("shop", database=database, verbosity=0)
    project.settings = {"MIGRATION_BRIDGE": "all"}
    user = models.ForeignKey("auth.User", models.CASCADE, null=True)
    write(project, remove("price"), add("user", user))
    project.migrate(PRE, database=database)
    assert "user_id" in columns(database, "shop_order")
    assert_consistent(project, database)
    project.migrate(POST, database=database)
    assert ledger(database) is None
    assert_consistent(project, database)
    assert project.exit_code("migrate", "--check", database=database) == 0


USER = """
from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    phone = models.CharField(max_length=20, default="")
"""


# MySQL keeps an index beside that of a constraint that came later.
@pytest.mark.databases("sqlite", "postgresql")
def test_a_custom_user(project, database, databases):
    project.apps += CONTRIB
    project.settings = {"AUTH_USER_MODEL": "people.User", "MIGRATION_BRIDGE": "all"}
    project.app("people", USER)
    own = [*AbstractUser._meta.local_fields, *AbstractUser._meta.local_many_to_many]
    fields = [PK, *((field.name, field.clone()) for field in own)]
    last = [("auth", "0012_alter_user_first_name_max_length")]
    project.write(
        "people",
        "0001_initial",
        migrations.CreateModel("User", fields),
        dependencies=last,
    )
    started(project, database, "")
    phone = models.CharField(max_length=20, default="")
    project.write("people", "0002", migrations.AddField("user", "phone", phone))
    owner = models.ForeignKey("people.User", models.CASCADE, null=True)
    project.write("shop", "0002", remove("price"))
    project.write(
        "shop",
        "0003",
        add("owner", owner),
        dependencies=[("shop", "0002"), ("people", "0002")],
    )
    project.migrate(PRE, database=database)
    assert "phone" in columns(database, "people_user")
    assert "owner_id" in columns(database, "shop_order")
    finish(project, database, databases)
