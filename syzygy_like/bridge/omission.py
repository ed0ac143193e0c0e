"""What the database itself can put into a column that INSERT leaves out."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema.types import Field

# Columns for which MySQL takes no literal default ("BLOB and TEXT Types", "The JSON
# Data Type"), and newer versions of it only in parentheses.
LARGE = {"TextField", "JSONField", "BinaryField"}
CONSTANTS = (
    str,
    bytes,
    bool,
    int,
    float,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    list,
    dict,
    tuple,
)
# Called, these always give the same.
CONSTANT_CALLABLES = {dict, list, str, int, float, bool}
STORED = {
    "BigIntegerField",
    "BinaryField",
    "BooleanField",
    "CharField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "FileField",
    "FilePathField",
    "FloatField",
    "GenericIPAddressField",
    "IntegerField",
    "JSONField",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "SlugField",
    "SmallIntegerField",
    "TextField",
    "TimeField",
    "UUIDField",
}


@dataclasses.dataclass(frozen=True)
class Omission:
    """
    What the databases of a project can fill in.

    ``functions`` gives for a callable and an internal type of field the database's
    function that is exactly the same. ``large`` are the internal types that take no
    default, ``unsigned`` tells whether positive integers have no sign, ``disposes``
    whether the database may delete or clear rows itself. ``now`` is the function that
    code has the time from.
    """

    functions: Mapping[tuple[Callable[..., Any], str], Any] = dataclasses.field(
        default_factory=dict
    )
    large: Collection[str] = ()
    unsigned: bool = False
    disposes: bool = True
    now: Any = NOT_PROVIDED

    def default(self, field: Field, one_off: Any, unique: bool) -> Any:
        """
        Return the ``db_default`` for a field, NOT_PROVIDED if none is right.

        A unique column gets no constant, and nothing ever gets what a callable
        returned once.
        """
        kind = field.get_internal_type()
        value = self.value_for(field, one_off)
        if kind not in STORED or kind in self.large:
            return NOT_PROVIDED
        if callable(value) and not is_constant(value):
            return self._function(value, kind)
        if unique or not is_constant(value):
            return NOT_PROVIDED
        return value() if callable(value) else value

    def _function(self, value: Any, kind: str) -> Any:
        for (python, type_), function in self.functions.items():
            if python is value and type_ == kind:
                return function
        return NOT_PROVIDED

    def value_for(self, field: Field, one_off: Any = NOT_PROVIDED) -> Any:
        """
        Return what a row gets whose code knows nothing of a field, or what makes it.

        That is what Django gives to rows that exist, NOT_PROVIDED if it has nothing.
        """
        if field.default is not NOT_PROVIDED:
            return field.default
        if one_off is not NOT_PROVIDED and one_off is not None:
            return one_off
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
            return self.now
        if field.blank and field.empty_strings_allowed and not field.null:
            return b"" if isinstance(field, models.BinaryField) else ""
        return NOT_PROVIDED


def is_constant(value: Any) -> bool:
    """Tell whether a default is the same for every row."""
    if callable(value):
        return any(value is each for each in CONSTANT_CALLABLES)  # it may have no hash
    return isinstance(value, CONSTANTS)
