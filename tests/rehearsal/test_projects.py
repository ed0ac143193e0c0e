"""Rehearsals of projects of all kinds, Django's own apps among them."""

from __future__ import annotations

import json

import pytest
from django.db import migrations, models

from tests.support.orders import ORDER, PK, add, started, write
from tests.support.rehearsals import rehearse

CONTRIB = [
    f"django.contrib.{name}"
    for name in (
        "contenttypes",
        "auth",
        "admin",
        "sessions",
        "messages",
        "sites",
        "flatpages",
        "redirects",
    )
]
ZERO = [
    f"{name}.zero"
    for name in ("contenttypes", "auth", "admin", "sessions", "sites", "flatpages")
]
STOCK = """
from django.core.management.commands import migrate

class Command(migrate.Command):
    pass
"""
INHERITING = """
from syzygy_like.management.commands.migrate import Command as Ours

class Command(Ours):
    def handle(self, *args, **options):
        open({called!r}, "a").write("x")
        return super().handle(*args, **options)
"""


@pytest.fixture
def contrib(project):
    project.apps += CONTRIB
    project.settings = {"SITE_ID": 1}
    return project


def test_contrib_apps_from_their_own_zero(contrib, database):
    found = rehearse(contrib, database, names=ZERO, all_models=True)
    assert found.is_clean, found
    assert len(found.outcomes) > 15


@pytest.mark.databases("sqlite")
def test_tables_of_contrib_apps_that_change_from_their_own_zero(contrib, database):
    found = rehearse(contrib, database, names=ZERO, all_models=False)
    assert found.is_clean, found
    assert len(found.outcomes) > 15


@pytest.mark.parametrize(
    "start",
    [
        "contenttypes.0001",
        "admin.0001",
        "redirects.0001",
        "auth.0001",
        "auth.0005",
        "auth.0008",
    ],
)
@pytest.mark.databases("postgresql", laws=("sqlite",))
def test_contrib_apps_from_an_earlier_migration(contrib, database, start):
    """All that fails is what had been predicted of them."""
    found = rehearse(contrib, database, names=[start], rows=2)
    assert found.code in (0, 1), found
    assert found.report["failures"] == [], found
    assert [kind for kind, _ in found.deploy_problems if kind != "blocked"] == []


def test_content_types_and_permissions_come_with_new_models(contrib, database):
    contrib.app("shop", "class Order(models.Model):\n    pass\n")
    contrib.migrate(database=database, verbosity=0)
    contrib.write("shop", "0001_initial", migrations.CreateModel("Order", [PK]))
    found = rehearse(contrib, database)
    assert found.is_clean, found
    assert found.outcomes == {"shop.0001_initial": ["pre-deploy"]}


def test_a_user_model_of_its_own(contrib):
    source = (
        "from django.contrib.auth.models import AbstractUser\n"
        "class User(AbstractUser):\n    nick = models.CharField(max_length=9)\n"
    )
    contrib.app("people", source)
    more = "AUTH_USER_MODEL = 'people.User'"
    made = contrib.manage("makemigrations", "people", "--skip-checks", settings=more)
    assert made.returncode == 0, made.stderr
    place = models.TextField(null=True)
    contrib.write("people", "0003", migrations.AddField("user", "place", place))
    rehearsed = ["rehearse", "--format", "json", "--rows", "2"]
    start = ["--from", "people.0002"]
    done = contrib.manage(*rehearsed, *start, settings=more)
    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert [each["migration"] for each in found["planned"]] == ["people.0003"]


def test_swapped_unmanaged_and_proxy_models(project, database):
    options = {"swappable": "SHOP_ITEM"}
    project.settings = {"SHOP_ITEM": "shop.Gift"}
    project.write(
        "shop",
        "0001_initial",
        ORDER,
        migrations.CreateModel("Item", [PK], options=options),
        migrations.CreateModel("Gift", [PK]),
        migrations.CreateModel("Report", [PK], options={"managed": False}),
        migrations.CreateModel(
            "Late", [], options={"proxy": True}, bases=("shop.order",)
        ),
    )
    write(
        project,
        add("size"),
        migrations.AddField("item", "size", models.IntegerField(null=True)),
        migrations.AddField("gift", "size", models.IntegerField(null=True)),
        migrations.AddField("report", "size", models.IntegerField(null=True)),
    )
    for start in ("shop.0001", "shop.zero"):
        found = rehearse(project, database, names=[start])
        assert found.is_clean, found
        assert found.report["notes"] == []


def test_models_that_inherit(project, database):
    started(project, database, "")
    link = models.OneToOneField(
        "shop.Order", models.CASCADE, parent_link=True, primary_key=True
    )
    gift = migrations.CreateModel(
        "Gift",
        [("order_ptr", link), ("paper", models.TextField(null=True))],
        bases=("shop.order",),
    )
    project.write("shop", "0002", gift)
    write(
        project,
        add("size"),
        migrations.RemoveField("gift", "paper"),
        migrations.RemoveField("order", "note"),
        start=3,
    )
    project.migrate("shop", "0002", database=database, verbosity=0)
    found = rehearse(project, database)
    assert found.is_clean, found


def test_apps_without_migrations(project, database):
    source = "class Place(models.Model):\n    name = models.CharField(max_length=9)\n"
    project.app("places", source)
    place = models.ForeignKey("places.Place", models.CASCADE, null=True)
    started(project, database, "")
    project.write(
        "shop",
        "0002",
        add("place", place),
        dependencies=[
            ("shop", "0001_initial"),
            ("places", "__first__"),
        ],
    )
    found = rehearse(project, database)
    assert found.code in (0, 1), found
    assert all(each["reason"]["hazard"] for each in found.report["failures"])


def test_relations_to_anything(contrib, database):
    to_type = models.ForeignKey("contenttypes.ContentType", models.CASCADE)
    fields = [PK, ("content_type", to_type), ("object_id", models.IntegerField())]
    contrib.write(
        "shop",
        "0001_initial",
        migrations.CreateModel("Tag", fields),
        dependencies=[("contenttypes", "0002_remove_content_type_name")],
    )
    contrib.write(
        "shop", "0002", migrations.AddField("tag", "name", models.TextField(null=True))
    )
    found = rehearse(contrib, database, names=["shop.0001"])
    assert found.is_clean, found


def test_a_migrate_of_another_app(project):
    project.write("shop", "0001_initial", ORDER)
    done = with_command(project, STOCK)
    assert done.returncode == 2
    assert "other.management.commands.migrate" in done.stderr
    assert "INSTALLED_APPS" in done.stderr


def test_a_migrate_that_inherits_from_ours(project):
    project.write("shop", "0001_initial", ORDER)
    called = project.folder / "called"
    done = with_command(project, INHERITING.format(called=str(called)))
    assert done.returncode == 0, done.stderr
    assert called.read_text()


def with_command(project, source):
    """Rehearse with an app that brings a migrate command of its own."""
    project.app("other")
    folder = project.folder / "other/management/commands"
    folder.mkdir(parents=True)
    for each in (folder, folder.parent):
        (each / "__init__.py").touch()
    (folder / "migrate.py").write_text(source)
    first = "INSTALLED_APPS.insert(0, INSTALLED_APPS.pop())"
    return project.manage("rehearse", "--rows", "1", settings=first)


@pytest.mark.databases("sqlite", "postgresql")
def test_a_squash_that_is_partly_applied(project, database):
    started(project, database, "")
    write(project, add("size"), add("total"))
    project.migrate("shop", "0002", database=database, verbosity=0)
    replaces = [("shop", "0001_initial"), ("shop", "0002"), ("shop", "0003")]
    project.write(
        "shop",
        "0001_squashed",
        ORDER,
        add("size"),
        add("total"),
        replaces=replaces,
        dependencies=[],
    )
    found = rehearse(project, database)
    assert found.is_clean, found
    assert list(found.outcomes) == ["shop.0003"]
