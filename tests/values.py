"""Values for every kind of field: everyday ones and those at the limits."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from django.db import models
from django.db.backends.base.operations import BaseDatabaseOperations

RANGES = BaseDatabaseOperations.integer_field_ranges
TEXTS = {"CharField", "SlugField", "FileField", "FilePathField", "TextField"}
AUTOS = {"AutoField", "BigAutoField", "SmallAutoField"}

# Longer than any length that people give a column, short enough for an index.
UNLIMITED = 300
# Below the end of an automatic key, so that the database can go on numbering.
HEADROOM = 1000

EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
FIRST = datetime.datetime(1000, 1, 1, tzinfo=datetime.timezone.utc)
LAST = datetime.datetime(9999, 12, 30, tzinfo=datetime.timezone.utc)


def typical(field: models.Field, number: int) -> Any:
    """Return an everyday value; another number gives another value."""
    kind = field.get_internal_type()
    if kind in TEXTS:
        return str(number)[-_length(field) :]
    if kind == "ArrayField":
        return [typical(field.base_field, number)]
    if hasattr(field, "range_type"):
        ends = (typical(field.base_field, 2 * number + end) for end in (0, 1))
        return field.range_type(*ends)
    make = TYPICAL.get(kind)
    return make(number) if make else number


def lowest(field: models.Field, number: int) -> Any:
    """Return the smallest value that a field takes, a typical one if none is."""
    kind = field.get_internal_type()
    if kind in RANGES:
        return RANGES[kind][0]
    if kind == "DecimalField" and field.max_digits is not None:
        return -_largest_decimal(field)
    make = LOWEST.get(kind)
    return make() if make else typical(field, number)


def nowhere(field: models.Field) -> Any:
    """Return a key that no row has, not even one with the largest key."""
    key = highest(field, 0)
    return key - 1 if isinstance(key, int) else key


def highest(field: models.Field, number: int) -> Any:
    """Return the largest value that a field takes, a typical one if none is."""
    kind = field.get_internal_type()
    if kind in AUTOS:
        return RANGES[kind][1] - HEADROOM
    if kind in RANGES:
        return RANGES[kind][1]
    if kind in TEXTS:
        return "é" * _length(field)
    if kind == "DecimalField" and field.max_digits is not None:
        return _largest_decimal(field)
    if kind == "ArrayField":
        return [highest(field.base_field, number)]
    make = HIGHEST.get(kind)
    return make() if make else typical(field, number)


def plain(value: Any) -> Any:
    """Return a value in a form that compares equal to what was written."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, models.fields.files.FieldFile):
        return value.name
    return value


def _length(field: models.Field) -> int:
    limited = field.get_internal_type() != "TextField"
    return (limited and field.max_length) or UNLIMITED


def _largest_decimal(field: models.DecimalField) -> decimal.Decimal:
    digits = decimal.Decimal(10**field.max_digits - 1)
    return digits.scaleb(-field.decimal_places)


TYPICAL = {
    "BooleanField": lambda number: number % 2 == 1,
    "DecimalField": decimal.Decimal,
    "FloatField": float,
    "DateField": lambda number: EPOCH.date() + datetime.timedelta(days=number),
    "DateTimeField": lambda number: EPOCH + datetime.timedelta(hours=number),
    "TimeField": lambda number: (EPOCH + datetime.timedelta(seconds=number)).time(),
    "DurationField": lambda number: datetime.timedelta(minutes=number),
    "UUIDField": lambda number: uuid.UUID(int=number),
    "JSONField": lambda number: {"number": number},
    "BinaryField": lambda number: str(number).encode(),
    "GenericIPAddressField": lambda number: f"10.0.{number // 256}.{number % 256}",
    "HStoreField": lambda number: {"number": str(number)},
}
LOWEST = {
    **dict.fromkeys(TEXTS, str),
    "BooleanField": lambda: False,
    "FloatField": lambda: -1e300,
    "DateField": FIRST.date,
    "DateTimeField": lambda: FIRST,
    "TimeField": lambda: datetime.time.min,
    "DurationField": lambda: -datetime.timedelta(days=36500),
    "UUIDField": lambda: uuid.UUID(int=0),
    "JSONField": list,
    "BinaryField": bytes,
    "ArrayField": list,
    "HStoreField": dict,
}
HIGHEST = {
    "BooleanField": lambda: True,
    "FloatField": lambda: 1e300,
    "DateField": LAST.date,
    "DateTimeField": lambda: LAST,
    "TimeField": lambda: datetime.time.max,
    "DurationField": lambda: datetime.timedelta(days=36500),
    "UUIDField": lambda: uuid.UUID(int=2**128 - 1),
    "JSONField": lambda: {"text": "é" * UNLIMITED},
    "BinaryField": lambda: b"\xff" * UNLIMITED,
}
