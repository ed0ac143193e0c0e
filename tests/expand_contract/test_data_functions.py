"""Rows without a value get in the end what Django would have given them."""

from __future__ import annotations

import datetime
from unittest.mock import ANY

import pytest
from django.db import connections, migrations, models
from django.db.models.functions import Now
from django.utils import timezone

from tests.support.deployment_projects import run, write_models
from tests.support.orders import (
    ABORT,
    NULLABLE,
    POST,
    PRE,
    REQUIRED,
    add,
    alter,
    execute,
    finish,
    refused,
    started,
    write,
)
from tests.support.projects import physical

MINUTES = datetime.timedelta(minutes=5)


class Shifted(models.IntegerField):
    """Writes another number than it is given."""

    def get_prep_value(self, value):
        return None if value is None else int(value) + 1000

    def from_db_value(self, value, expression, connection):
        return None if value is None else value - 1000


def deployed(project, database, *operations):
    """Take a migration in parts, with a row of before and one of the window."""
    started(project, database)
    insert(database)
    project.write("shop", "0002_change", add("other", REQUIRED), *operations)
    project.migrate(PRE, database=database)
    insert(database)


def insert(database):
    execute(database, "INSERT INTO shop_order (code) VALUES ('a')")


def values(database, name):
    return [value for (value,) in execute(database, f"SELECT {name} FROM shop_order")]


@pytest.mark.parametrize("default", [5, models.Value(5)], ids=["number", "expression"])
def test_null_becomes_the_default_of_the_database(
    project, database, databases, default
):
    required = models.IntegerField(db_default=default)
    deployed(project, database, alter("price", required))
    project.migrate(POST, database=database)
    assert values(database, "price") == [5, 5]
    finish(project, database, databases)


def test_null_becomes_what_a_function_of_the_database_gives(
    project, database, databases
):
    stamp = models.DateTimeField(null=True)
    project.write("shop", "0001_initial", shop(("at", stamp)))
    project.migrate(database=database, verbosity=0)
    project.settings = {"MIGRATION_BRIDGE": "all"}
    insert(database)
    required = models.DateTimeField(db_default=Now())
    project.write("shop", "0002", add("other", REQUIRED), alter("at", required))
    project.migrate(PRE, database=database)
    insert(database)
    project.migrate(POST, database=database)
    assert None not in values(database, "at")
    finish(project, database, databases)


def shop(*fields):
    key = ("id", models.BigAutoField(primary_key=True))
    code = ("code", models.CharField(max_length=5))
    return migrations.CreateModel("Order", [key, code, *fields])


def test_a_deploy_is_given_up_where_the_database_has_a_default(project, database):
    size = models.IntegerField(db_default=5)
    project.write("shop", "0001_initial", shop(("size", size)))
    project.migrate(database=database, verbosity=0)
    project.settings = {"MIGRATION_BRIDGE": "all"}
    start = physical(database)
    write(project, alter("size", NULLABLE))
    project.migrate(PRE, database=database)
    execute(database, "INSERT INTO shop_order (code, size) VALUES ('a', NULL)")
    project.migrate(ABORT, database=database)
    assert physical(database) == start
    assert values(database, "size") == [5]


def test_a_text_that_may_be_blank_becomes_blank(project, database, databases):
    blank = models.CharField(max_length=9, blank=True)
    deployed(project, database, alter("note", blank))
    project.migrate(POST, database=database)
    assert values(database, "note") == ["", ""]
    finish(project, database, databases)


def test_a_default_that_is_none_is_told(project, database):
    required = models.IntegerField(default=None)
    deployed(project, database, alter("price", required))
    message = refused(project, "migrate", POST, database=database)
    assert "shop.Order.price" in message
    assert values(database, "price") == [None, None]


@pytest.mark.parametrize("default", [None, timezone.now], ids=["none", "proposed"])
def test_a_date_and_a_time_of_day_are_local(project, database, databases, default):
    """Django's auto_now_add takes both from the clock where the code runs."""
    proposed = {} if default is None else {"default": default}
    kinds = {"day": models.DateField, "hour": models.TimeField}
    fields = {name: kind(auto_now_add=True) for name, kind in kinds.items()}
    for field in fields.values():
        field.default = proposed.get("default", models.NOT_PROVIDED)
    operations = [
        migrations.AddField("order", name, field, preserve_default=not proposed)
        for name, field in fields.items()
    ]
    deployed(project, database, *operations)
    project.migrate(POST, database=database)
    now = datetime.datetime.now()
    for day, hour in zip(
        values(database, "day"), values(database, "hour"), strict=True
    ):
        found = datetime.datetime.combine(as_date(day), as_time(hour))
        assert abs(now - found) < MINUTES


def as_date(value):
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def as_time(value):
    if isinstance(value, datetime.timedelta):  # MySQL's drivers
        return (datetime.datetime.min + value).time()
    return datetime.time.fromisoformat(value) if isinstance(value, str) else value


def test_a_field_that_writes_in_its_own_way_fills_the_rows(
    project, database, databases
):
    deployed(project, database, add("size", Shifted(default=1)))
    project.migrate(POST, database=database)
    assert values(database, "size") == [1001, 1001]
    finish(project, database, databases)


ORDER = "class Order(models.Model):\n    code = models.CharField(max_length=5)\n"
CLOCKS = """\
    at = models.DateTimeField(default=timezone.now)
    day = models.DateField(auto_now=True)
    hour = models.TimeField(auto_now=True)
"""


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_database_takes_date_and_time_from_its_clock(
    project, database, monkeypatch, settings, zone
):
    """PostgreSQL's is right in each time zone, the others' where all is in UTC."""
    settings.TIME_ZONE = zone
    vendor = connections[database].vendor
    monkeypatch.setattr("syzygy_like.planning.database._vendors", lambda: {vendor})
    write_models(project, {"shop": ORDER})
    assert run(project, "makemigrations")[0] == 0
    project.migrate(database=database)
    head = "from django.utils import timezone\n"
    write_models(project, {"shop": head + ORDER + CLOCKS})
    assert run(project, "makemigrations") == (0, ANY)
    project.migrate(PRE, database=database)
    insert(database)
    [(at, day, hour)] = execute(database, "SELECT at, day, hour FROM shop_order")
    assert at is not None
    if zone == "UTC" or vendor == "postgresql":
        found = datetime.datetime.combine(as_date(day), as_time(hour))
        assert abs(datetime.datetime.now() - found) < MINUTES
    else:
        assert day is hour is None
    project.migrate(POST, database=database)
    assert None not in (values(database, "day") + values(database, "hour"))
    assert run(project, "makemigrations", "--check")[0] == 0
