"""Variants of a field that ask less of the code or of the database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.bridge.omission import Omission
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


def omittable(field: Field, omission: Omission, one_off: Any, unique: bool) -> Any:
    """
    Return a field whose column INSERT may leave out, None if there is none.

    ``one_off`` is the value that the author gave for rows that exist, NOT_PROVIDED
    if there is none; ``unique`` tells whether no two rows may have the same.
    """
    if field.primary_key or field.generated:
        return None
    unique = unique or field.unique
    db_default = omission.default(field, one_off, unique)
    if db_default is NOT_PROVIDED:
        return nullable(field)
    changes = {"default": NOT_PROVIDED} if callable(field.default) else {}
    return rebuilt(field, db_default=db_default, **changes)


def unconstrained(field: Field) -> Any:
    """Return a relation that the database does not enforce, None for other fields."""
    if isinstance(field, (models.ForeignKey, models.ManyToManyField)):
        return rebuilt(field, db_constraint=False)
    return None


def cascading(field: Field) -> Any:
    """
    Return a foreign key of whose rows the database disposes as ``on_delete`` says.

    None where Django or the database has no such thing (6.1, "ForeignKey.on_delete").
    What protects the target cannot do so against code that does not know it: its rows
    lose their reference, or go where they cannot be without.
    """
    if not isinstance(field, models.ForeignKey) or is_parent_link(field):
        return None
    relation: Any = field.remote_field
    kind = getattr(relation.on_delete, "__name__", "")
    if not hasattr(models, "DB_CASCADE") or kind.startswith(("DB_", "SET_DEFAULT")):
        return None
    clears = kind != "CASCADE" and field.null
    on_delete = models.DB_SET_NULL if clears else models.DB_CASCADE
    return rebuilt(field, on_delete=on_delete)


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
