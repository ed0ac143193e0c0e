"""What the database itself can put into a column that INSERT leaves out."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import uuid
from collections.abc import Callable, Collection, Mapping

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema.types import Field, writes_as_django

# Columns for which MySQL took no default at all before 8.0.13 ("The BLOB and TEXT
# Types", "The JSON Data Type").
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
CONSTANT_CALLABLES: set[object] = {
    bool,
    bytes,
    datetime.timedelta,
    decimal.Decimal,
    dict,
    float,
    int,
    list,
    str,
    tuple,
}
STORED = {
    "ArrayField",
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
class Clock:
    """
    What tells the time by several calls, so that nothing can be imported for it.

    ``source`` is how one writes what is called last, ``imports`` what that needs.
    """

    tell: Callable[[], object]
    source: str
    imports: frozenset[str]

    def __call__(self) -> object:
        return self.tell()


@dataclasses.dataclass(frozen=True)
class DatabaseDefaults:
    """
    What the databases of a project can fill in.

    ``functions`` gives for a callable and an internal type of field the database's
    function that is exactly the same. ``large`` are the internal types that take no
    default, ``unsigned`` tells whether positive integers have no sign, ``disposes``
    whether the database may delete or clear rows itself. ``clocks`` are what
    ``auto_now`` and ``auto_now_add`` take the time from, by the internal type.
    """

    functions: Mapping[tuple[Callable[..., object], str], object] = dataclasses.field(
        default_factory=dict
    )
    large: Collection[str] = ()
    unsigned: bool = False
    disposes: bool = True
    clocks: Mapping[str, Callable[[], object]] = dataclasses.field(default_factory=dict)

    def default(self, field: Field, one_off: object, unique: bool) -> object:
        """
        Return the ``db_default`` for a field, NOT_PROVIDED if none is right.

        A unique column gets no constant, nothing ever gets what a callable returned
        once, and a field that writes in a way of its own gets none: only the field
        knows what its column holds.
        """
        kind = field.get_internal_type()
        value = self.value_for(field, one_off)
        if kind not in STORED or kind in self.large or not writes_as_django(field):
            return NOT_PROVIDED
        if callable(value) and not is_constant(value):
            return self._function(value, kind)
        if unique or not is_constant(value):
            return NOT_PROVIDED
        return value() if callable(value) else value

    def _function(self, value: object, kind: str) -> object:
        for (python, type_), function in self.functions.items():
            # Each access to a method of a class (date.today) makes another object.
            if python == value and type_ == kind:
                return function
        return NOT_PROVIDED

    def value_for(self, field: Field, one_off: object = NOT_PROVIDED) -> object:
        """
        Return what a row gets whose code knows nothing of a field, or what makes it.

        That is what Django gives to rows that exist, the database's own default before
        any other; NOT_PROVIDED if it has nothing. ``one_off`` is the value that the
        author gave for them.
        """
        names = ("auto_now", "auto_now_add")
        automatic = any(getattr(field, name, False) for name in names)
        # Django proposes one clock to all of them, whatever they write themselves.
        proposed = self.clocks.values() if automatic else ()
        for value in (field.db_default, field.default, one_off):
            if value not in (NOT_PROVIDED, None, *proposed):
                return value
        if automatic:
            return self.clocks.get(field.get_internal_type(), NOT_PROVIDED)
        if field.blank and field.empty_strings_allowed and not field.null:
            return b"" if isinstance(field, models.BinaryField) else ""
        return NOT_PROVIDED


def is_constant(value: object) -> bool:
    """Tell whether a default is the same for every row."""
    if isinstance(value, models.Value):
        value = value.value
    if callable(value):
        return any(value is each for each in CONSTANT_CALLABLES)  # it may have no hash
    return isinstance(value, CONSTANTS)
