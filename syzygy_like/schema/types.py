"""What a column can hold."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from django.db import models

from syzygy_like.schema.expressions import freeze

if TYPE_CHECKING:
    Field = models.Field[Any, Any]
    ForeignKey = models.ForeignKey[Any, Any]
    ManyToManyField = models.ManyToManyField[Any, Any]
else:
    Field = models.Field
    ForeignKey = models.ForeignKey
    ManyToManyField = models.ManyToManyField

# The ranges of "Numeric Types" in PostgreSQL's and MySQL's manuals; those of
# Django's positive fields are held by a check constraint or UNSIGNED.
INTEGERS = {
    "SmallIntegerField": (-(2**15), 2**15 - 1),
    "IntegerField": (-(2**31), 2**31 - 1),
    "BigIntegerField": (-(2**63), 2**63 - 1),
    "PositiveSmallIntegerField": (0, 2**15 - 1),
    "PositiveIntegerField": (0, 2**31 - 1),
    "PositiveBigIntegerField": (0, 2**63 - 1),
    "SmallAutoField": (-(2**15), 2**15 - 1),
    "AutoField": (-(2**31), 2**31 - 1),
    "BigAutoField": (-(2**63), 2**63 - 1),
}
INTEGER_NAMES: dict[tuple[int | None, int | None], str] = {
    **{(-(2 ** (n - 1)), 2 ** (n - 1) - 1): f"{n}-bit integer" for n in (16, 32, 64)},
    **{(0, 2 ** (n - 1) - 1): f"{n}-bit integer from 0" for n in (16, 32, 64)},
}
TEXTS = {"CharField", "SlugField", "FileField", "FilePathField", "TextField"}

PHYSICAL_HOOKS = (
    "db_type",
    "db_parameters",
    "rel_db_type",
    "db_type_suffix",
    "get_attname_column",
)
VALUE_HOOKS = (
    "get_internal_type",
    "get_prep_value",
    "get_db_prep_value",
    "get_db_prep_save",
    "from_db_value",
    "get_placeholder",
    "select_format",
)
# What stands between a default and what is written for it.
DEFAULT_HOOKS = (
    *PHYSICAL_HOOKS,
    *VALUE_HOOKS,
    "get_default",
    "pre_save",
    "to_python",
)
# Attributes of a field that change neither the type of its column nor a value
# in it; Django's own list is Field.non_db_attrs.
IRRELEVANT = {
    "auto_now",
    "auto_now_add",
    "db_column",
    "db_comment",
    "db_default",
    "db_index",
    "db_tablespace",
    "default",
    "encoder",
    "decoder",
    "null",
    "primary_key",
    "storage",
    "unique",
    "upload_to",
}


@dataclasses.dataclass(frozen=True)
class ColumnType:
    """
    The values of a column: a family, and the bounds within the family.

    ``low`` and ``high`` bound integers, ``size`` is the number of characters of
    a text or the digits before a decimal point, ``places`` the digits after it;
    None is "no bound". ``codec`` tells apart fields that store their values in a
    way of their own, and ``arguments`` those of one class that may differ in it.
    """

    family: str
    low: int | None = None
    high: int | None = None
    size: int | None = None
    places: int | None = None
    codec: Hashable = None
    arguments: Hashable = None
    item: ColumnType | None = None

    def same_kind(self, other: ColumnType) -> bool:
        """Tell whether values of both types read and compare alike."""
        if ANYTHING in (self, other):
            return True
        if self.item is not None and other.item is not None:
            return self.item.same_kind(other.item)
        return (self.family, self.codec) == (other.family, other.codec)

    def holds(self, other: ColumnType) -> bool:
        """Tell whether a column of this type takes every value of the other."""
        if ANYTHING in (self, other):
            return True
        if self.item is not None and other.item is not None:
            return self.item.holds(other.item)
        return (
            _at_most(self.low, other.low)
            and _at_least(self.high, other.high)
            and _at_least(self.size, other.size)
            and _at_least(self.places, other.places)
        )

    def unsigned(self) -> ColumnType:
        """Return the type where integers without a sign use that bit for values."""
        if self.family == "integer" and self.low == 0 and self.high is not None:
            return dataclasses.replace(self, high=2 * self.high + 1)
        return self

    def signed(self) -> ColumnType:
        """
        Return the type of a key where that is an integer from 0: as wide below it.

        Foreign keys have no sign of their own, and no negative values either.
        """
        if self.family == "integer" and self.low == 0 and self.high is not None:
            return ColumnType("integer", low=-self.high - 1, high=self.high)
        return self

    def __str__(self) -> str:
        if self.item is not None:
            return f"array of {self.item}"
        if self.family == "integer":
            bounds = (self.low, self.high)
            return INTEGER_NAMES.get(bounds, "integer from {} to {}".format(*bounds))
        if self.family == "decimal" and self.size is not None:
            places = self.places or 0
            return f"decimal({self.size + places}, {places})"
        return f"{self.family}({self.size})" if self.size is not None else self.family


ANYTHING = ColumnType("anything")


def _at_most(mine: int | None, yours: int | None) -> bool:
    return mine is None or (yours is not None and mine <= yours)


def _at_least(mine: int | None, yours: int | None) -> bool:
    return mine is None or (yours is not None and mine >= yours)


def column_type(field: Field) -> ColumnType:
    """Return the type of a field's column; foreign keys are resolved elsewhere."""
    if isinstance(field, models.GeneratedField):
        assert field.output_field is not None
        return column_type(field.output_field)
    field_class: type = type(field)
    if _overrides(field_class, PHYSICAL_HOOKS):
        return ColumnType("custom", codec=_fingerprint(field))
    known = _known_type(field)
    if known is None:
        return ColumnType(field.get_internal_type(), codec=_fingerprint(field))
    if _overrides(field_class, VALUE_HOOKS):
        arguments = _fingerprint(field, "max_length")
        return dataclasses.replace(
            known, codec=field_class.__qualname__, arguments=arguments
        )
    return known


def writes_as_django(field: Field) -> bool:
    """Tell whether Django alone says what a field, or an item of it, writes."""
    item = getattr(field, "base_field", None)
    if isinstance(item, models.Field) and not writes_as_django(item):
        return False
    field_class: type = type(field)
    return not _overrides(field_class, DEFAULT_HOOKS)


def _known_type(field: Field) -> ColumnType | None:
    internal = field.get_internal_type()
    if internal in INTEGERS:
        low, high = INTEGERS[internal]
        return ColumnType("integer", low=low, high=high)
    if internal in TEXTS:
        limited = internal != "TextField"
        return ColumnType("text", size=field.max_length if limited else None)
    if isinstance(field, models.DecimalField):
        digits: int | None = field.max_digits
        places: int | None = field.decimal_places
        if digits is None or places is None:
            return ColumnType("decimal")
        return ColumnType("decimal", size=digits - places, places=places)
    if internal == "ArrayField":
        return ColumnType("array", item=column_type(field.base_field))  # type: ignore[attr-defined]
    if type(field).__module__.startswith("django.db.models."):
        return ColumnType(internal.removesuffix("Field").lower())
    return None


@functools.cache
def _overrides(field_class: type, hooks: tuple[str, ...]) -> bool:
    """Tell whether a class outside Django defines one of the methods."""
    for hook in hooks:
        for cls in inspect.getmro(field_class):
            if hook in vars(cls):
                if not cls.__module__.startswith("django."):
                    return True
                break
    return False


def _fingerprint(field: Field, *ignored: str) -> Hashable:
    _, path, args, kwargs = field.deconstruct()
    skipped = IRRELEVANT.union(field.non_db_attrs, ignored)
    relevant = {name: arg for name, arg in kwargs.items() if name not in skipped}
    return freeze((path, args, relevant))
