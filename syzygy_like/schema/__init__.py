"""The physical schema of a project state."""

from __future__ import annotations

from syzygy_like.schema.build import ColumnCache, HasTable, TableBuilder, always, schema
from syzygy_like.schema.names import ModelKey
from syzygy_like.schema.tables import (
    Column,
    Constraint,
    Default,
    Patch,
    Reference,
    Schema,
    Table,
    join,
)
from syzygy_like.schema.types import ANYTHING, ColumnType

__all__ = [
    "ANYTHING",
    "Column",
    "ColumnCache",
    "ColumnType",
    "Constraint",
    "Default",
    "HasTable",
    "ModelKey",
    "Patch",
    "Reference",
    "Schema",
    "Table",
    "TableBuilder",
    "always",
    "join",
    "schema",
]
