"""Variants of a field that ask less of the code or of the database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.schema.deletion import Fate
from syzygy_like.schema.names import is_parent_link
from syzygy_like.schema.types import INTEGERS, ColumnType, Field, column_type


def rebuilt(field: Field, cls: type | None = None, **changes: Any) -> Any:
    """Return a field with other arguments; NOT_PROVIDED takes one away."""
    _, _, args, kwargs = field.deconstruct()
    kwargs.update(changes)
    kept = {name: arg for name, arg in kwargs.items() if arg is not NOT_PROVIDED}
    return (cls or type(field))(*args, **kept)


def nullable(field: Field) -> Any:
    """Return a field that allows NULL, None for a key or a generated column."""
    if field.primary_key or field.generated or field.many_to_many:
        return None
    # A default would be put into the rows that exist, whatever it is made by.
    return rebuilt(field, null=True, default=NOT_PROVIDED)


def omittable(
    field: Field, database_defaults: DatabaseDefaults, one_off: Any, unique: bool
) -> Any:
    """
    Return a field whose column INSERT may leave out, None if there is none.

    ``one_off`` is the value that the author gave for rows that exist, NOT_PROVIDED
    if there is none; ``unique`` tells whether no two rows may have the same.
    """
    if field.primary_key or field.generated:
        return None
    unique = unique or field.unique
    db_default = database_defaults.default(field, one_off, unique)
    if db_default is NOT_PROVIDED:
        return nullable(field)
    changes = {"default": NOT_PROVIDED} if callable(field.default) else {}
    return rebuilt(field, db_default=db_default, **changes)


def unconstrained(field: Field) -> Any:
    """Return a relation that the database does not enforce, None for other fields."""
    if isinstance(field, (models.ForeignKey, models.ManyToManyField)):
        return rebuilt(field, db_constraint=False)
    return None


def disposing(field: Field, fate: Fate) -> Any:
    """
    Return a foreign key with whose rows the database does by itself what is their fate.

    None where Django has no such thing (6.1, "ForeignKey.on_delete"), or not for this
    fate or field.
    """
    if not isinstance(field, models.ForeignKey) or is_parent_link(field):
        return None
    if not hasattr(models, "DB_CASCADE"):
        return None
    if fate is Fate.GOES:
        return rebuilt(field, on_delete=models.DB_CASCADE)
    cleared = field if field.null else nullable(field)
    if fate is not Fate.CLEARED or cleared is None:
        return None
    return rebuilt(cleared, on_delete=models.DB_SET_NULL)


def repeatable(field: Field) -> Any:
    """Return a field whose values need not be unique, None for a key."""
    if field.primary_key:
        return None
    if isinstance(field, models.OneToOneField):
        return rebuilt(field, models.ForeignKey)
    return rebuilt(field, unique=False)


def widened(field: Field, *others: Field, unsigned: bool = False) -> Any:
    """
    Return a field that holds what it and others hold, None if there is none.

    ``unsigned`` tells whether positive integers use the bit of the sign for values.
    """

    def held(field: Field) -> ColumnType:
        return column_type(field).unsigned() if unsigned else column_type(field)

    wanted = [held(each) for each in (field, *others)]
    for candidate in _candidates(field, others):
        actual = held(candidate)
        if all(actual.same_kind(each) and actual.holds(each) for each in wanted):
            return candidate
    return None


def _candidates(field: Field, others: tuple[Field, ...]) -> Any:
    every = (field, *others)
    if all(isinstance(each, models.DecimalField) for each in every):
        places = max(each.decimal_places for each in every)  # type: ignore[attr-defined]
        whole = max(each.max_digits - each.decimal_places for each in every)  # type: ignore[attr-defined]
        yield rebuilt(field, max_digits=whole + places, decimal_places=places)
        return
    kind = field.get_internal_type()
    if kind in INTEGERS and not field.primary_key:
        for name in INTEGERS:
            if not name.endswith("AutoField"):
                yield rebuilt(field, getattr(models, name))
        return
    sizes = [each.max_length for each in every]
    known = [size for size in sizes if size is not None]
    if len(known) == len(every):
        yield rebuilt(field, max_length=max(known))
    elif known:
        yield rebuilt(field, models.TextField, max_length=NOT_PROVIDED)
