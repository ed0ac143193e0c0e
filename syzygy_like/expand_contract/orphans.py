"""Cleans up orphaned rows: their target was deleted while nothing protected it."""

from __future__ import annotations

from django.db import models
from django.db.migrations.state import ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.migrations.writer import MigrationWriter

from syzygy_like.expand_contract.data_functions import DataFunction, data_function
from syzygy_like.schema import ModelKey
from syzygy_like.schema.deletion import kind_of
from syzygy_like.schema.names import field_attname, is_parent_link
from syzygy_like.schema.types import Field


def clean_up_orphans(
    app_label: str, model: str, name: str, field: Field, state: ProjectState
) -> DataFunction:
    """
    Return a function for the rows of a relation whose target is gone.

    They are treated as ``on_delete`` says. What nobody says for a target that was
    deleted in spite of PROTECT is the same: NULL where that is allowed. ``state`` has
    the models that refer to these rows in their turn.
    """
    if isinstance(field, models.ManyToManyField):
        return data_function("settle_many_to_many", app_label, model, field=name)
    if is_parent_link(field):
        return data_function("settle_child", app_label, model, field=name)
    assert isinstance(field, models.ForeignKey)
    purpose, action, imports = _on_delete(field, name)
    held = action == "delete()" and _is_held((app_label, model.lower()), state)
    names = {
        "field": name,
        "attname": field_attname(name, field),
        "key": (field.to_fields or [None])[0] or "pk",
        "purpose": purpose,
        "action": action,
    }
    # Django leaves alone what the database is to delete, which SQLite does not do while
    # a table is altered; and it refuses to delete what is protected.
    template = "settle_held" if held else "settle"
    return data_function(template, app_label, model, *imports, **names)


def _is_held(key: ModelKey, state: ProjectState) -> bool:
    """Tell whether rows of a model do not simply take with them what refers to them."""
    return any(
        kind_of(field) != "CASCADE"
        and resolve_relation(field.remote_field.model, *own) == key
        for own, model in state.models.items()
        for field in model.fields.values()
        if isinstance(field, models.ForeignKey)
    )


def _on_delete(field: Field, name: str) -> tuple[str, str, set[str]]:
    """
    Return what happens to a row whose target is gone.

    That is in words, as a call, and the imports that it needs.
    """
    kind = kind_of(field).removeprefix("DB_")
    if kind == "SET_DEFAULT" and not callable(field.default):
        text, imports = MigrationWriter.serialize(field.default)
        return f"Reset {name} in", f"update({name}={text})", imports
    if kind != "CASCADE" and field.null:
        return f"Clear {name} in", f"update({name}=None)", set()
    return "Delete", "delete()", set()
