"""The physical schema of a project state."""

from __future__ import annotations

from django.db.migrations.state import ProjectState

from syzygy_like.schema.build import Builder, ColumnCache, Presence, everywhere
from syzygy_like.schema.names import ModelKey
from syzygy_like.schema.patches import Patch, join
from syzygy_like.schema.tables import (
    Column,
    Constraint,
    Default,
    Reference,
    Schema,
    Table,
)
from syzygy_like.schema.types import ANYTHING, ColumnType

__all__ = [
    "ANYTHING",
    "Builder",
    "Column",
    "ColumnCache",
    "ColumnType",
    "Constraint",
    "Default",
    "ModelKey",
    "Patch",
    "Presence",
    "Reference",
    "Schema",
    "Table",
    "everywhere",
    "join",
    "schema",
]


def schema(state: ProjectState, presence: Presence = everywhere) -> Schema:
    """
    Return the tables, columns and constraints that a state's models stand for.

    ``presence`` tells of a model's state whether it has a table at all: a router
    may keep it off a database, another model may be swapped in for it. Nothing is
    rendered and no database is asked.
    """
    builder = Builder(state, presence)
    tables: dict[str, Table] = {}
    for key in state.models:
        for name, table in builder.tables(key).items():
            if not (table.external and name in tables):
                tables[name] = table
    return Schema(tables)
