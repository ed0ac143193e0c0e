"""Changes for which there is no state between: Django could not go there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.migrations.state import ModelState

from syzygy_like.expand_contract.bridge.locations import Place, TableIndex
from syzygy_like.schema import ModelKey
from syzygy_like.schema.expressions import freeze
from syzygy_like.schema.names import column_name, parents
from syzygy_like.schema.types import Field

# A place, and the name of the table or column that has two meanings, if it is that.
Obstacle = tuple[Place, str]


def obstacles(old: TableIndex, new: TableIndex) -> Iterator[Obstacle]:
    """Yield what stands in the way from one state to the other."""
    yield from _tables(old, new)
    yield from _inherited(old, new)
    for key, model in new.state.models.items():
        before = old.state.models.get(key)
        if before is not None and before is not model:
            yield from _columns(key, before, model)
            yield from _fields(key, before, model)


def _tables(old: TableIndex, new: TableIndex) -> Iterator[Obstacle]:
    for name, table in new.tables.items():
        known = old.tables.get(name)
        if known is None or known.external or table.external:
            continue
        was, is_ = old.owners[name], new.owners[name]
        # Many-to-many tables are told by their field.
        if (was, known.label.lower()) != (is_, table.label.lower()):
            yield Place(is_), name


def _columns(key: ModelKey, old: ModelState, new: ModelState) -> Iterator[Obstacle]:
    """Yield the columns that one field leaves to another one of another name."""
    owners = {column_name(name, field): name for name, field in old.fields.items()}
    for name, field in new.fields.items():
        column = column_name(name, field)
        if column and owners.get(column, name) != name:
            yield Place(key, name), column


def _inherited(old: TableIndex, new: TableIndex) -> Iterator[Obstacle]:
    """Yield the fields that move between a model and one that it inherits from."""
    for key, model in new.state.models.items():
        for parent in parents(model):
            shared = _names(key, old, new) & _names(parent, old, new)
            for name in sorted(shared - {"id"}):
                yield Place(key, name), ""


def _names(key: ModelKey, *atlases: TableIndex) -> set[str]:
    found = (atlas.state.models.get(key) for atlas in atlases)
    return {name for model in found if model for name in model.fields}


def _fields(key: ModelKey, old: ModelState, new: ModelState) -> Iterator[Obstacle]:
    for name, field in new.fields.items():
        before = old.fields.get(name)
        if before is not None and _nature(before) != _nature(field):
            yield Place(key, name), ""


def _nature(field: Field) -> Any:
    """Return what AlterField cannot change ("AlterField", "GeneratedField")."""
    if isinstance(field, models.ManyToManyField):
        through = field.remote_field.through
        return str(through).lower() if through else "table of its own"
    if field.generated:
        return freeze(field.expression), field.db_persist  # type: ignore[attr-defined]
    return None
