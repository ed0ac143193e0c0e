"""``stage_delay``: what is held after a deploy, until when, and what that holds."""

from __future__ import annotations

import datetime

import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations, models
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from tests.support.orders import started
from tests.support.projects import applied

ORDER = migrations.CreateModel(
    "Order",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("price", models.IntegerField(null=True)),
    ],
)
REMOVE = migrations.RemoveField("order", "price")
NOOP = migrations.RunPython(migrations.RunPython.noop)
WEEK = datetime.timedelta(days=7)


@pytest.fixture
def shop(project, database):
    """A project whose second migration waits for a week after the first one."""
    started(project, database, "", ORDER)
    project.write("shop", "0002_remove_price", REMOVE, stage_delay=WEEK)
    return project


def backdate(database, **delta):
    """Take it that all that is applied was applied some time ago."""
    moment = timezone.now() - datetime.timedelta(**delta)
    recorder = MigrationRecorder(connections[database])
    recorder.migration_qs.update(applied=moment)
    return moment


def test_it_is_held_until_the_delay_is_over(shop, database):
    moment = backdate(database, days=6)
    out = shop.migrate("--post-deploy", database=database)
    assert "Deferred:\n  shop.0002_remove_price  (post-deploy, inferred)" in out
    until = (moment + WEEK).strftime("%Y-%m-%d %H:%M:%S")
    assert f"held until {until} UTC, by its stage_delay" in out
    assert applied(database) == ["shop.0001_initial"]

    backdate(database, days=7)
    out = shop.migrate("--post-deploy", database=database)
    assert "Applying shop.0002_remove_price... OK" in out


def test_plain_migrate_does_not_wait(shop, database):
    shop.migrate(database=database)
    assert applied(database)[-1] == "shop.0002_remove_price"


@pytest.mark.databases("sqlite")
def test_the_plan_and_the_check_of_what_is_held(shop, database):
    out = shop.migrate("--post-deploy", "--plan", database=database)
    assert "No planned migration operations." in out
    assert "held until" in out
    check = ("migrate", "--post-deploy", "--check")
    assert shop.exit_code(*check, database=database) == 0
    backdate(database, days=8)
    assert shop.exit_code(*check, database=database) == 1


@pytest.mark.databases("sqlite")
def test_dependents_are_held_too(shop, database):
    shop.write("shop", "0003_more", NOOP)
    shop.write("blog", "0001_initial", NOOP)
    shop.write("blog", "0002_after_shop", NOOP, dependencies=AFTER)
    out = shop.migrate("--post-deploy", database=database)
    assert applied(database) == ["shop.0001_initial", "blog.0001_initial"]
    assert "waits for shop.0002_remove_price" in out
    backdate(database, days=8)
    shop.migrate("--post-deploy", database=database)
    assert len(applied(database)) == 5


AFTER = [("blog", "0001_initial"), ("shop", "0002_remove_price")]


@pytest.mark.databases("sqlite")
def test_the_last_of_several_parents_counts(shop, database):
    backdate(database, days=30)
    parents = [("shop", "0001_initial"), ("blog", "0001_initial")]
    shop.write(
        "shop", "0002_remove_price", REMOVE, stage_delay=WEEK, dependencies=parents
    )
    shop.write("blog", "0001_initial", NOOP)
    out = shop.migrate("--post-deploy", database=database)
    assert "Applying blog.0001_initial... OK" in out
    assert "held until" in out
    out = shop.migrate("--post-deploy", database=database)
    assert "held until" in out
    backdate(database, days=8)
    shop.migrate("--post-deploy", database=database)
    assert applied(database)[-1] == "shop.0002_remove_price"


@pytest.mark.databases("sqlite")
def test_what_was_squashed_counts_as_a_parent(shop, database):
    moment = backdate(database, days=6)
    shop.write("shop", "0001_squashed", ORDER, replaces=SQUASHED, dependencies=[])
    shop.write(
        "shop",
        "0002_remove_price",
        REMOVE,
        stage_delay=WEEK,
        dependencies=[("shop", "0001_squashed")],
    )
    out = shop.migrate("--post-deploy", "--plan", database=database)
    assert f"held until {moment + WEEK:%Y-%m-%d %H:%M:%S}" in out


SQUASHED = [("shop", "0001_initial")]


@pytest.mark.databases("sqlite")
def test_the_first_migration_of_all_has_nothing_to_wait_for(project, database):
    project.write("shop", "0001_initial", NOOP, stage_delay=WEEK)
    project.migrate("--post-deploy", database=database)
    assert applied(database) == ["shop.0001_initial"]


@pytest.mark.databases("sqlite")
def test_it_is_no_matter_before_the_deploy(shop, database):
    backdate(database, days=30)
    out = shop.migrate("--pre-deploy", database=database)
    assert "shop.0002_remove_price  (post-deploy, inferred)" in out
    assert "held" not in out
    shop.migrate(database=database)
    shop.migrate("shop", "0001", "--pre-deploy", database=database)
    assert applied(database) == ["shop.0001_initial"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", ["UTC", "America/Chicago", "Asia/Kolkata"])
def test_without_time_zones_moments_are_local(shop, database, name):
    shop.settings.update(USE_TZ=False, TIME_ZONE=name)
    recorder = MigrationRecorder(connections[database])
    with shop.active():
        moment = timezone.now() - datetime.timedelta(days=6)
        recorder.migration_qs.update(applied=moment)
    out = shop.migrate("--post-deploy", database=database)
    assert f"held until {moment + WEEK:%Y-%m-%d %H:%M}" in out
    with shop.active():
        recorder.migration_qs.update(applied=moment - datetime.timedelta(days=2))
    shop.migrate("--post-deploy", database=database)
    assert applied(database)[-1] == "shop.0002_remove_price"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("value", [7, "7 days", 7.0])
def test_what_is_no_delay_is_refused(shop, database, value):
    shop.write("shop", "0002_remove_price", REMOVE, stage_delay=value)
    with pytest.raises(CommandError) as caught:
        shop.migrate("--post-deploy", database=database)
    assert str(caught.value) == (
        f"The stage_delay of shop.0002_remove_price is {value!r}, which is not "
        "a timedelta."
    )
