"""Values for every kind of field: everyday ones and those at the limits."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.models.fields.files import FieldFile

from syzygy_like.schema.types import Field

if TYPE_CHECKING:
    ForeignKey = models.ForeignKey[Any, Any]
    ManyToMany = models.ManyToManyField[Any, Any]

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


def is_reference(field: Field) -> TypeGuard[ForeignKey]:
    """Tell whether a column holds the key of another row."""
    return bool(field.remote_field)


def has_constraint(field: ForeignKey) -> bool:
    """Tell whether the database checks that there is such a row."""
    return bool(getattr(field, "db_constraint", True))


class NoValueError(Exception):
    """A field takes neither the value that was made nor its own default."""


def accepted(field: Field, value: object, connection: BaseDatabaseWrapper) -> object:
    """
    Return a value as the field has it, its default if it does not take the value.

    Raises NoValueError if it takes neither.
    """
    makers: tuple[Callable[[], object], ...] = (
        lambda: field.to_python(value),
        field.get_default,
    )
    for make in makers:
        with contextlib.suppress(Exception):  # whatever a field of a package raises
            taken = make()
            prepared = field.get_db_prep_save(taken, connection)
            if prepared is not None or field.null or field.primary_key:
                return taken
    raise NoValueError(field.name)


def choices(field: Field) -> list[object]:
    """Return the values that a field is limited to, in order; nothing if to none."""
    return [value for value, _ in field.flatchoices if value is not None]


def typical(field: Field, number: int) -> object:
    """Return an everyday value; another number gives another value."""
    if limited := choices(field):
        return limited[number % len(limited)]
    if (default := _own_default(field)) is not None:
        return default
    kind = field.get_internal_type()
    if kind in TEXTS:
        # Digits alone: migrations can make numbers of them, and JSON.
        return str(number)[-_length(field) :]
    if kind == "ArrayField":
        return [typical(_base_field(field), number)]
    if make_range := getattr(field, "range_type", None):
        base = _base_field(field)
        return make_range(*(typical(base, 2 * number + end) for end in (0, 1)))
    if digits := _digits(field):
        return _fitting_decimal(digits, number)
    make = TYPICAL.get(kind)
    return make(number) if make else number


def lowest(field: Field, number: int) -> object:
    """Return the smallest value that a field takes, a typical one if none is."""
    if limited := choices(field):
        return limited[0]
    kind = field.get_internal_type()
    if kind in RANGES:
        return RANGES[kind][0]
    if digits := _digits(field):
        return _largest_decimal(digits, 1)
    make = LOWEST.get(kind)
    return make() if make else typical(field, number)


def highest(field: Field, number: int) -> object:
    """Return the largest value that a field takes, a typical one if none is."""
    if limited := choices(field):
        return limited[-1]
    kind = field.get_internal_type()
    if kind in AUTOS:
        return RANGES[kind][1] - HEADROOM
    if kind in RANGES:
        return RANGES[kind][1]
    if kind in TEXTS:
        return "é" * _length(field)
    if digits := _digits(field):
        return _largest_decimal(digits)
    if kind == "ArrayField":
        return [highest(_base_field(field), number)]
    make = HIGHEST.get(kind)
    return make() if make else typical(field, number)


def nowhere(field: Field) -> object:
    """Return a key that no row has, not even one with the largest key."""
    key = highest(field, 0)
    return key - 1 if isinstance(key, int) else key


def plain(value: object) -> object:
    """Return a value in a form that compares equal to what was written."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, FieldFile):
        return value.name
    return value


def reread(field: Field, value: object, connection: BaseDatabaseWrapper) -> object:
    """Return what a field makes of what it writes for a value, in a plain form."""
    prepared = field.get_db_prep_save(value, connection)
    if hasattr(field, "from_db_value"):
        return plain(field.from_db_value(prepared, None, connection))
    return plain(field.to_python(prepared))


def varies(field: Field) -> bool:
    """Tell whether different numbers, to a million or so, give different values."""
    kind = field.get_internal_type()
    short = kind in TEXTS and _length(field) < len("999999")
    few = choices(field) or kind in ("BooleanField", "TimeField")
    return not (short or few or _own_default(field) is not None)


def _own_default(field: Field) -> object:
    """
    Return the default of a field whose class a package or project made, None if none.

    What else such a field may have, so that data migrations understand it, only they
    know who made it.
    """
    is_djangos = type(field).__module__.startswith("django.")
    if is_djangos or field.unique or not field.has_default():
        return None
    return field.get_default()


def _base_field(field: Field) -> Field:
    """Return the field of what an array or a range holds."""
    return cast(Field, getattr(field, "base_field", None))


def _digits(field: Field) -> tuple[int, int] | None:
    """Return how many digits a decimal has, and how many decimal places."""
    most = getattr(field, "max_digits", None)
    if field.get_internal_type() != "DecimalField" or most is None:
        return None
    return most, getattr(field, "decimal_places", 0)


def _fitting_decimal(digits: tuple[int, int], number: int) -> decimal.Decimal:
    most, places = digits
    if number < 10 ** (most - places):
        return decimal.Decimal(number)
    return decimal.Decimal(number % 10**most).scaleb(-places)


def _length(field: Field) -> int:
    limited = field.get_internal_type() != "TextField"
    return (limited and field.max_length) or UNLIMITED


def _largest_decimal(digits: tuple[int, int], sign: int = 0) -> decimal.Decimal:
    # Not calculated: that would round it to the 28 digits of decimal's context.
    most, places = digits
    return decimal.Decimal((sign, (9,) * most, -places))


TYPICAL: dict[str, Callable[[int], object]] = {
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
    "GenericIPAddressField": lambda number: (
        f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}"
    ),
    "HStoreField": lambda number: {"number": str(number)},
    "SearchVectorField": lambda number: f"'{number}'",  # as the database writes it
}
LOWEST: dict[str, Callable[[], object]] = {
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
    "SearchVectorField": str,
}
HIGHEST: dict[str, Callable[[], object]] = {
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
