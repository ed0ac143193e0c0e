"""From a field to its column."""

from __future__ import annotations

from collections.abc import Hashable

from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema.expressions import UNIQUE_FUNCTIONS, freeze
from syzygy_like.schema.names import column_name
from syzygy_like.schema.tables import Column, Default
from syzygy_like.schema.types import ANYTHING, ColumnType, Field, column_type

AUTO_FIELDS = {"AutoField", "BigAutoField", "SmallAutoField"}


def column_of(name: str, field: Field) -> Column | None:
    """
    Return the column of a field, None if it has none.

    What a foreign key refers to, and so its type, is left open.
    """
    column = column_name(name, field)
    if column is None:
        return None
    return Column(
        column,
        ANYTHING if field.is_relation else column_type(field),
        null=field.null or field.generated,
        default=_default(field),
        generated=_expression(field),
        auto=field.get_internal_type() in AUTO_FIELDS,
        collation=getattr(field, "db_collation", None),
        field=name,
    )


def _default(field: Field) -> Default | None:
    default = field.db_default
    if default is NOT_PROVIDED:
        return None
    return Default(freeze(default), unique=type(default).__name__ in UNIQUE_FUNCTIONS)


def _expression(field: Field) -> Hashable:
    return freeze(getattr(field, "expression", True)) if field.generated else None


def key_type(type_: ColumnType) -> ColumnType:
    """Return the type of a foreign key to a column: it has no sign of its own."""
    if type_.family == "integer" and type_.low == 0 and type_.high is not None:
        return ColumnType("integer", low=-type_.high - 1, high=type_.high)
    return type_
