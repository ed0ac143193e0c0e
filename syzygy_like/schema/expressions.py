"""Conditions and expressions, as values that can be compared."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from django.db.models import F, Q
from django.db.models.expressions import BaseExpression, Value

# Functions of which every call gives another value.
UNIQUE_FUNCTIONS = {"RandomUUID", "UUID4", "UUID7"}


class Columns(dict[str, str]):
    """The columns of a model by field name, noting which ones are asked for."""

    def __init__(self, columns: Mapping[str, str]):
        super().__init__(columns)
        self.used: set[str] = set()

    def resolve(self, path: str) -> str:
        """Return a lookup path with its field replaced by its column."""
        name, _, rest = path.partition("__")
        if name not in self:
            return path
        self.used.add(self[name])
        return f"{self[name]}__{rest}" if rest else self[name]


def freeze(value: object, columns: Columns | None = None) -> Hashable:
    """
    Return a hashable equivalent of a value that a field or constraint is made of.

    Names of fields become names of columns, so that a field that was renamed
    with its column kept compares equal.
    """
    columns = Columns({}) if columns is None else columns
    if isinstance(value, Q):
        children = tuple(_freeze_child(child, columns) for child in value.children)
        return ("Q", value.connector, value.negated, children)
    if isinstance(value, F):
        return ("F", columns.resolve(str(value.name)))  # type: ignore[attr-defined]
    if isinstance(value, Value):
        return ("Value", freeze(value.value, columns))
    if isinstance(value, dict):
        items = ((key, freeze(item, columns)) for key, item in value.items())
        return tuple(sorted(items, key=repr))
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item, columns) for item in value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted((freeze(item, columns) for item in value), key=repr))
    if hasattr(value, "deconstruct"):
        return _freeze_deconstructible(value, columns)
    return value if isinstance(value, Hashable) else repr(value)


def _freeze_child(child: object, columns: Columns) -> Hashable:
    if isinstance(child, tuple):
        lookup, value = child
        return (columns.resolve(lookup), freeze(value, columns))
    return freeze(child, columns)


def _freeze_deconstructible(value: Any, columns: Columns) -> Hashable:
    path, args, kwargs = value.deconstruct()[-3:]
    if isinstance(value, BaseExpression):
        # A plain string is the name of a field in every expression but Value.
        args = [
            F(arg) if isinstance(arg, str) and arg in columns else arg for arg in args
        ]
    return (path, freeze(args, columns), freeze(kwargs, columns))
