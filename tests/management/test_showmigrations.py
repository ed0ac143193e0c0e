"""``showmigrations`` tells the stage of what is not applied, and its age."""

from __future__ import annotations

import datetime
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import showmigrations
from django.db import connections, migrations, models
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from syzygy_like import Stage
from tests.support.orders import started

pytestmark = pytest.mark.versions

KEY = ("id", models.BigAutoField(primary_key=True))
ORDER = migrations.CreateModel(
    "Order", [KEY, ("price", models.IntegerField(null=True))]
)
ADD = migrations.AddField("order", "cost", models.IntegerField(null=True))
REMOVE = migrations.RemoveField("order", "price")


@pytest.fixture
def shop(project, database):
    """A project with two migrations that wait, one of them for the other."""
    started(project, database, "", ORDER)
    project.write("shop", "0002_cost", ADD)
    project.write("shop", "0003_remove_price", REMOVE, stage=Stage.POST_DEPLOY)
    return project


def show(project, *arguments, database):
    return project.call("showmigrations", *arguments, database=database, no_color=True)


def shown(project, *arguments, database):
    """Return what is printed as JSON, by the names of the migrations."""
    out = show(project, *arguments, "--format", "json", database=database)
    return {each["name"]: each for each in json.loads(out)}


def backdate(database, name, **delta):
    """Take it that a migration was applied some time ago; return when."""
    moment = timezone.now() - datetime.timedelta(**delta)
    recorder = MigrationRecorder(connections[database])
    recorder.migration_qs.filter(name=name).update(applied=moment)
    return moment.strftime("%Y-%m-%d %H:%M")


def test_the_list(shop, database):
    since = backdate(database, "0001_initial", days=3, hours=2)
    waiting = f"waiting since {since} (3 days, 2 hours)"
    assert show(shop, "shop", database=database) == (
        "shop\n"
        " [X] 0001_initial\n"
        f" [ ] 0002_cost  (pre-deploy, inferred, {waiting})\n"
        " [ ] 0003_remove_price  (post-deploy, declared)\n"
    )
    assert show(shop, "shop", "--list", database=database) == show(
        shop, "shop", "--format", "list", database=database
    )


@pytest.mark.databases("sqlite")
def test_the_plan(shop, database):
    since = backdate(database, "0001_initial", days=3)
    out = show(shop, "--plan", database=database)
    assert out == (
        "[X]  shop.0001_initial\n"
        "[ ]  shop.0002_cost  (pre-deploy, inferred, "
        f"waiting since {since} (3 days))\n"
        "[ ]  shop.0003_remove_price  (post-deploy, declared)\n"
    )
    assert show(shop, "--format", "plan", database=database) == out


@pytest.mark.databases("sqlite")
def test_verbosity_2_adds_what_django_adds(shop, database):
    out = show(shop, "--plan", "-v", "2", database=database)
    line = "[ ]  shop.0003_remove_price ... (shop.0002_cost)  (post-deploy, declared)\n"
    assert line in out
    out = show(shop, "--list", "-v", "2", database=database)
    assert " [X] 0001_initial (applied at 20" in out


def test_json(shop, database):
    moment = timezone.now().replace(microsecond=0) - datetime.timedelta(days=3)
    recorder = MigrationRecorder(connections[database])
    recorder.migration_qs.update(applied=moment)
    found = shown(shop, database=database)
    assert list(found) == ["0001_initial", "0002_cost", "0003_remove_price"]
    assert found["0001_initial"]["app"] == "shop"
    assert parse_datetime(found["0001_initial"]["applied"]) == moment
    waiting = dict(found["0002_cost"])
    assert parse_datetime(waiting.pop("waits_since")) == moment
    assert waiting == {
        "app": "shop",
        "name": "0002_cost",
        "applied": False,
        "stage": "pre-deploy",
        "source": "inferred",
        "in_parts": False,
        "part": "",
        "progress": "",
        "since": None,
        "ahead_of": [],
        "operations": None,
        "backwards": False,
        "has_file": True,
    }
    assert found["0003_remove_price"]["stage"] == "post-deploy"
    assert found["0003_remove_price"]["source"] == "declared"
    assert found["0003_remove_price"]["waits_since"] is None


@pytest.mark.databases("sqlite")
def test_one_app_of_several(shop, database):
    shop.write("blog", "0001_initial", migrations.CreateModel("Post", [KEY]))
    assert "shop" not in show(shop, "blog", database=database)
    assert "shop" not in show(shop, "blog", "--plan", database=database)
    assert set(shown(shop, "blog", database=database)) == {"0001_initial"}
    assert len(json.loads(show(shop, "--format", "json", database=database))) == 4


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("options", [[], ["--plan"], ["--format", "json"]])
def test_an_unknown_app(shop, database, options, capsys):
    with pytest.raises(SystemExit) as caught:
        show(shop, "nowhere", *options, database=database)
    assert caught.value.code == 2
    assert "No installed app with label 'nowhere'." in capsys.readouterr().err


@pytest.mark.databases("sqlite")
def test_what_fits_no_stage(shop, database):
    shop.write("shop", "0004_swap", ADD_TWO, migrations.RemoveField("order", "cost"))
    out = show(shop, database=database)
    assert "[ ] 0004_swap  (fits no stage)\n" in out
    assert shown(shop, database=database)["0004_swap"]["stage"] == "none"


ADD_TWO = migrations.AddField("order", "two", models.IntegerField(null=True))


@pytest.mark.databases("sqlite")
def test_what_is_wrong_elsewhere_hides_only_the_stages(shop, database):
    shop.settings["MIGRATION_STAGES_OVERRIDE"] = {"shop": "no stage"}
    out = show(shop, database=database)
    assert "[ ] 0003_remove_price  (stage unknown)" in out
    assert shown(shop, database=database)["0003_remove_price"]["stage"] == ""


@pytest.mark.databases("sqlite")
def test_where_all_is_applied_it_is_djangos(shop, database):
    shop.migrate(database=database)
    for options in (["--list"], ["--plan"], ["--plan", "-v", "2"]):
        theirs = shop.call(showmigrations.Command(), *options, database=database)
        assert show(shop, *options, database=database) == theirs


@pytest.mark.databases("sqlite")
def test_an_app_without_migrations(shop, database):
    shop.app("notes", "class Note(models.Model):\n    pass\n")
    assert "notes\n (no migrations)\n" in show(shop, "notes", database=database)


@pytest.mark.databases("sqlite")
def test_squashed_migrations(shop, database):
    shop.migrate(database=database)
    shop.write(
        "shop",
        "0001_squashed_0002_cost",
        ORDER,
        ADD,
        replaces=[("shop", "0001_initial"), ("shop", "0002_cost")],
        dependencies=[],
    )
    out = show(shop, "shop", database=database)
    assert "[-] 0001_squashed_0002_cost (2 squashed migrations)" in out


@pytest.mark.databases("sqlite")
def test_migrations_that_cannot_be_loaded(shop, database):
    shop.write_source("shop", "0004_bad", "import nothing_of_this_name\n")
    with pytest.raises(CommandError, match="The migrations cannot be loaded: Module"):
        show(shop, database=database)


@pytest.mark.databases("sqlite")
def test_formats_there_are(shop, database):
    with pytest.raises(CommandError, match="invalid choice: 'yaml'"):
        call_command("showmigrations", "--format", "yaml", database=database)


@pytest.mark.databases("sqlite")
def test_without_time_zones(shop, database):
    shop.settings.update(USE_TZ=False, TIME_ZONE="Asia/Kolkata")
    with shop.active():
        since = backdate(database, "0001_initial", days=3)
    assert f"waiting since {since} (3 days)" in show(shop, database=database)
