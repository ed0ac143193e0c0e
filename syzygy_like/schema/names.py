"""What models and fields are called in the database, and what identifies a row."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from django.db import models
from django.db.migrations.state import ModelState
from django.db.migrations.utils import resolve_relation
from django.db.models.fields.composite import CompositePrimaryKey
from django.db.models.utils import make_model_tuple

from syzygy_like.schema.types import Field

ModelKey = tuple[str, str]


def table_name(model: ModelState) -> str:
    """Return the name of a model's table, as Django's Options.contribute_to_class."""
    name = model.options.get("db_table") or f"{model.app_label}_{model.name_lower}"
    return name.strip('"')


def column_name(name: str, field: Field) -> str | None:
    """Return the name of a field's column, None if it has none."""
    if isinstance(field, (models.ManyToManyField, CompositePrimaryKey)):
        return None
    bound = copy.copy(field)
    bound.name = name
    column = bound.get_attname_column()[1]
    return column.strip('"') if column else None


def field_attname(name: str, field: Field) -> str:
    """Return the name of the attribute that holds a field's value."""
    return f"{name}_id" if isinstance(field, models.ForeignKey) else name


def parents(model: ModelState) -> Iterator[ModelKey]:
    """Yield the concrete models that a model inherits from."""
    for base in model.bases:
        if isinstance(base, str):
            app_label, _, name = base.rpartition(".")
            yield app_label or model.app_label, name.lower()
            continue
        meta = getattr(base, "_meta", None)
        if meta is not None and not meta.abstract:
            yield make_model_tuple(base)


def targets(model: ModelState) -> Iterator[ModelKey]:
    """Yield the models that a model refers to or inherits from."""
    yield from parents(model)
    for field in model.fields.values():
        for name in ("model", "through"):
            related = getattr(field.remote_field, name, None)
            if related:
                yield resolve_relation(related, model.app_label, model.name_lower)


def is_parent_link(field: Field) -> bool:
    return bool(getattr(field.remote_field, "parent_link", False))


def is_primary_key(field: Field) -> bool:
    return field.primary_key or is_parent_link(field)


def primary_key(
    fields: Mapping[str, Field], names: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the columns of a model's primary key; ``names`` are those of fields."""
    for field in fields.values():
        if isinstance(field, CompositePrimaryKey):
            return tuple(names.get(part, part) for part in field.field_names)
    for is_key in (lambda field: field.primary_key, is_parent_link):
        for name, field in fields.items():
            if is_key(field) and name in names:
                return (names[name],)
    return ()
