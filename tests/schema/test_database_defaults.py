"""What the database puts into a column that INSERT leaves out, if anything."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import time
import uuid

import django
import pytest
from django.contrib.postgres.fields import ArrayField, HStoreField
from django.db import connections, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.fields import NOT_PROVIDED
from django.db.models.functions import Lower, Now
from django.db.utils import ConnectionHandler
from django.utils import timezone
from django.utils.translation import gettext_lazy

from syzygy_like.expand_contract.bridge import bridge
from syzygy_like.expand_contract.bridge.relaxing import (
    is_in_unique,
    nullable,
    omittable,
    repeatable,
    unconstrained,
)
from syzygy_like.planning.database import current_basis, defaults_of
from syzygy_like.schema.database_defaults import LARGE, DatabaseDefaults
from tests.support.databases import mysql_driver

NULL = "NULL"
PRICE, DAY = decimal.Decimal("1.50"), datetime.date(2024, 2, 29)
WEEK = datetime.timedelta(7)


class Status(models.TextChoices):
    NEW = "new", "New"


class Level(enum.IntEnum):
    LOW = 1


class Colour(enum.Enum):
    RED = "red"


def forbidden(*args):
    raise AssertionError("A default was called.")


class Unhashable:
    __hash__ = None
    __call__ = forbidden


def omitted(field, database_defaults=None, one_off=NOT_PROVIDED, unique=False):
    """Return the db_default of a field in the window, NULL if it is nullable."""
    between = omittable(field, database_defaults or DatabaseDefaults(), one_off, unique)
    assert not (between.null and between.has_db_default())
    return NULL if between.null else between.db_default


CONSTANTS = {
    "number": (models.IntegerField(default=3), 3),
    "text": (models.CharField(max_length=9, default="a"), "a"),
    "false": (models.BooleanField(default=False), False),
    "decimal": (
        models.DecimalField(max_digits=4, decimal_places=2, default=PRICE),
        PRICE,
    ),
    "day": (models.DateField(default=DAY), DAY),
    "duration": (models.DurationField(default=WEEK), WEEK),
    "uuid": (models.UUIDField(default=uuid.UUID(int=1)), uuid.UUID(int=1)),
    "choice": (models.CharField(max_length=9, default=Status.NEW), "new"),
    "number of an enum": (models.IntegerField(default=Level.LOW), 1),
    "dict": (models.JSONField(default=dict), {}),
    "list": (models.JSONField(default=list), []),
    "str": (models.TextField(default=str), ""),
    "class": (models.DurationField(default=datetime.timedelta), datetime.timedelta()),
    "number of a class": (
        models.DecimalField(max_digits=4, decimal_places=2, default=decimal.Decimal),
        decimal.Decimal(),
    ),
    "array": (ArrayField(models.IntegerField(), default=list), []),
    "array of a constant": (ArrayField(models.TextField(), default=["a"]), ["a"]),
    "array of arrays": (ArrayField(ArrayField(models.IntegerField()), default=[]), []),
    "blank": (models.TextField(blank=True), ""),
    "blank binary": (models.BinaryField(blank=True), b""),
    "blank file": (models.FileField(blank=True), ""),
}


@pytest.mark.parametrize("case", CONSTANTS)
def test_a_constant_becomes_a_default_of_the_database(case):
    field, expected = CONSTANTS[case]
    assert omitted(field) == expected


@pytest.mark.parametrize("case", CONSTANTS)
def test_a_unique_column_gets_no_constant(case):
    assert omitted(CONSTANTS[case][0], unique=True) == NULL


NULLS = {
    "callable": models.IntegerField(default=forbidden),
    "partial": models.IntegerField(default=functools.partial(forbidden, 1)),
    "method": models.TextField(default="a".upper),
    "uuid4": models.UUIDField(default=uuid.uuid4),
    "now": models.DateTimeField(default=timezone.now),
    "today": models.DateField(default=datetime.date.today),
    "auto_now": models.DateTimeField(auto_now=True),
    "auto_now_add": models.DateField(auto_now_add=True),
    "lazy": models.TextField(default=gettext_lazy("No")),
    "enum": models.TextField(default=Colour.RED),
    "hstore": HStoreField(default=dict),
    "array of a callable": ArrayField(models.IntegerField(), default=forbidden),
    "foreign key": models.ForeignKey("shop.Order", models.CASCADE, default=1),
    "nothing": models.IntegerField(),
    "None": models.IntegerField(default=None),
    "unique": models.IntegerField(default=1, unique=True),
    "blank number": models.IntegerField(blank=True),
}


@pytest.mark.parametrize("case", NULLS)
def test_everything_else_is_null_in_the_window(case):
    assert omitted(NULLS[case]) == NULL


@pytest.mark.parametrize("case", NULLS)
def test_a_nullable_column_has_no_default_that_fills_rows(case):
    """AddField would put it into each row, the same one or by calling it."""
    between = omittable(NULLS[case], DatabaseDefaults(), NOT_PROVIDED, False)
    assert between.default is NOT_PROVIDED


def test_keys_and_generated_columns_cannot_be_left_out():
    generated = models.GeneratedField(
        expression=Lower("a"), output_field=models.TextField(), db_persist=True
    )
    for field in (models.UUIDField(primary_key=True, default=uuid.uuid4), generated):
        assert omittable(field, DatabaseDefaults(), NOT_PROVIDED, False) is None
        assert nullable(field) is None
    assert repeatable(models.IntegerField(primary_key=True)) is None
    assert unconstrained(models.IntegerField()) is None


def test_a_one_off_value_is_one():
    assert omitted(models.IntegerField(), one_off=5) == 5
    assert omitted(models.IntegerField(unique=True), one_off=5) == NULL
    assert omitted(models.IntegerField(default=7), one_off=5) == 7
    assert omitted(models.IntegerField(), one_off=None) == NULL  # a dry run's
    assert omitted(models.IntegerField(), one_off=forbidden) == NULL


def connected(monkeypatch, *vendors, zone=None):
    """Configure databases of these vendors, and forbid to connect to them."""
    if "mysql" in vendors:
        mysql_driver()
    engines = {"unknown": "dummy", "sqlite": "sqlite3"}
    aliases = {
        "default" if number == 0 else vendor: {
            "ENGINE": f"django.db.backends.{engines.get(vendor, vendor)}",
            "NAME": "nowhere",
            "TIME_ZONE": zone,
        }
        for number, vendor in enumerate(vendors)
    }
    handler = ConnectionHandler(aliases)
    monkeypatch.setattr("syzygy_like.planning.database.connections", handler)
    for alias in aliases:
        monkeypatch.setattr(handler[alias], "connect", forbidden)
    return defaults_of(current_basis())


NOW, UUID4, TODAY = NULLS["now"], NULLS["uuid4"], NULLS["today"]
TIME = models.TimeField(auto_now_add=True)
# What is taken for a time stamp, for a date, and for a UUID.
VENDORS = {
    ("sqlite",): ("Now", NULL, NULL),
    ("postgresql",): ("Now", "TruncDate", "UUID"),
    ("sqlite", "postgresql"): ("Now", NULL, NULL),
    ("postgresql", "unknown"): ("Now", "TruncDate", "UUID"),
    ("mysql",): ("Func", NULL, NULL),
    ("postgresql", "mysql"): (NULL, NULL, NULL),
    ("unknown",): (NULL, NULL, NULL),
}


def kind_of(default):
    return NULL if default == NULL else type(default).__name__


@pytest.mark.parametrize("vendors", VENDORS, ids=" and ".join)
def test_functions_where_those_of_all_databases_are_exact(monkeypatch, vendors):
    database_defaults = connected(monkeypatch, *vendors)
    now, today, uuid4 = VENDORS[vendors]
    for field in (NOW, NULLS["auto_now"]):
        assert kind_of(omitted(field, database_defaults)) == now
    for field in (TODAY, NULLS["auto_now_add"]):
        assert kind_of(omitted(field, database_defaults)) == today
    assert (omitted(UUID4, database_defaults) != NULL) is (uuid4 != NULL)


UTC = {
    ("sqlite",): "Cast",
    ("postgresql",): "Trunc",
    ("sqlite", "postgresql"): "Cast",
    ("mysql",): "Func",
    ("sqlite", "mysql"): NULL,
}


@pytest.mark.parametrize("vendors", UTC, ids=" and ".join)
def test_dates_and_times_of_day_where_all_is_utc(monkeypatch, settings, vendors):
    settings.TIME_ZONE = "UTC"
    database_defaults = connected(monkeypatch, *vendors)
    for field in (TODAY, TIME):
        assert kind_of(omitted(field, database_defaults)).startswith(UTC[vendors])


@pytest.mark.parametrize("vendor", ["sqlite", "mysql", "postgresql"])
def test_a_database_that_keeps_another_zone_than_its_clock(
    monkeypatch, settings, vendor
):
    settings.TIME_ZONE = "UTC"
    database_defaults = connected(monkeypatch, vendor, zone="Asia/Tokyo")
    knows = vendor == "postgresql"
    for field in (NOW, TODAY, TIME):
        assert (omitted(field, database_defaults) != NULL) is knows


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_a_machine_whose_local_time_django_cannot_set(monkeypatch, settings, vendor):
    settings.TIME_ZONE = "UTC"
    monkeypatch.delattr(time, "tzset")
    database_defaults = connected(monkeypatch, vendor)
    assert omitted(NOW, database_defaults) != NULL
    assert omitted(TODAY, database_defaults) == omitted(TIME, database_defaults) == NULL
    settings.USE_TZ = False
    assert omitted(NOW, connected(monkeypatch, vendor)) == NULL


def test_a_unique_uuid_of_the_server(monkeypatch):
    database_defaults = connected(monkeypatch, "postgresql")
    made = omitted(UUID4, database_defaults, unique=True)
    name = "UUID4" if django.VERSION >= (6, 1) else "RandomUUID"
    assert type(made).__name__ == name


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_local_time_is_not_what_sqlite_takes_for_now(monkeypatch, settings, vendor):
    settings.USE_TZ = False
    database_defaults = connected(monkeypatch, vendor)
    assert (omitted(NOW, database_defaults) == NULL) is (vendor == "sqlite")


def test_mysql_takes_constants_of_any_length(monkeypatch):
    database_defaults = connected(monkeypatch, "postgresql", "mysql")
    assert database_defaults.unsigned
    for case in ("dict", "list", "blank", "blank binary", "number", "text"):
        assert omitted(CONSTANTS[case][0], database_defaults) == CONSTANTS[case][1]


def test_a_mysql_that_is_too_old_for_them():
    old = DatabaseDefaults(large=LARGE)
    for case in ("dict", "list", "blank", "blank binary"):
        assert omitted(CONSTANTS[case][0], old) == NULL
    assert omitted(CONSTANTS["number"][0], old) == 3
    assert omitted(CONSTANTS["text"][0], old) == "a"


@pytest.mark.databases("mysql")
def test_the_server_that_is_there_is_asked(database, monkeypatch):
    connection = connections[database]
    connection.ensure_connection()
    assert defaults_of(current_basis()).large == ()
    monkeypatch.setattr(connection.features, "supports_expression_defaults", False)
    assert defaults_of(current_basis()).large == LARGE


class Prepared(models.IntegerField):
    def get_db_prep_save(self, value, connection):
        return value + 1000


class Read(models.TextField):
    def from_db_value(self, value, expression, connection):
        return value[::-1]


class Typed(models.TextField):
    def db_type(self, connection):
        return "text"


class Stamped(models.DateTimeField):
    def pre_save(self, model_instance, add):
        return None


class Renamed(models.IntegerField):
    """Only its name is its own."""


OWN = {
    "prepares": Prepared(default=1),
    "reads": Read(default="ab"),
    "types": Typed(default="ab"),
    "stamps": Stamped(auto_now=True),
    "item": ArrayField(Prepared(), default=[1]),
    "item of an item": ArrayField(ArrayField(Prepared()), default=list),
}


@pytest.mark.parametrize("case", OWN)
def test_a_field_that_writes_in_its_own_way_gets_no_default(monkeypatch, case):
    database_defaults = connected(monkeypatch, "postgresql")
    assert omitted(OWN[case], database_defaults) == NULL
    assert omitted(Renamed(default=1), database_defaults) == 1


CLOCKS = {
    models.DateTimeField: datetime.datetime,
    models.DateField: datetime.date,
    models.TimeField: datetime.time,
}


@pytest.mark.parametrize("kind", CLOCKS)
@pytest.mark.parametrize("answer", [NOT_PROVIDED, timezone.now])
@pytest.mark.parametrize("name", ["auto_now", "auto_now_add"])
def test_rows_get_the_time_that_the_field_would_write(kind, answer, name):
    """Django proposes ``timezone.now`` for each of them."""
    value = defaults_of(current_basis()).value_for(kind(**{name: True}), answer)
    assert type(value()) is CLOCKS[kind]


@pytest.mark.parametrize("default", [5, Now(), models.Value(5)])
def test_rows_get_the_default_of_the_database_before_any_other(default):
    field = models.IntegerField(default=7, db_default=default)
    assert DatabaseDefaults().value_for(field, 9) is default


def test_a_default_that_is_none_is_no_value():
    assert (
        DatabaseDefaults().value_for(models.IntegerField(default=None)) is NOT_PROVIDED
    )
    assert DatabaseDefaults().value_for(models.IntegerField(default=None), 3) == 3


def state_of(fields, options):
    state = ProjectState()
    key = ("id", models.BigAutoField(primary_key=True))
    state.add_model(ModelState("shop", "Order", [key, *fields.items()], options))
    return state


@pytest.mark.parametrize(
    ("options", "unique"),
    [
        ({"unique_together": {("a", "b")}}, True),
        ({"unique_together": ("b", "a")}, True),
        ({"constraints": [models.UniqueConstraint(fields=["a"], name="u")]}, True),
        ({"constraints": [models.UniqueConstraint(fields=["b"], name="u")]}, False),
        ({"indexes": [models.Index(fields=["a"], name="i")]}, False),
    ],
)
def test_members_of_unique_constraints(options, unique):
    fields = {"a": models.IntegerField(default=1), "b": models.IntegerField(null=True)}
    new = state_of(fields, options)
    assert is_in_unique(new.models["shop", "order"], "a") is unique
    old = state_of({"b": models.IntegerField(null=True)}, {})
    between = bridge(old, new).state.models["shop", "order"].fields["a"]
    assert between.null is unique


def test_a_callable_without_a_hash():
    assert omitted(models.IntegerField(default=Unhashable())) == NULL


def test_a_member_of_a_unique_constraint_over_expressions():
    once = models.UniqueConstraint(Lower("a"), name="once")
    new = state_of({"a": models.TextField(default="x")}, {"constraints": [once]})
    assert is_in_unique(new.models["shop", "order"], "a")
