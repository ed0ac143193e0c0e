"""What becomes of rows whose target was deleted while nothing kept it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.migrations.state import ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.migrations.writer import MigrationWriter

from syzygy_like.expand_contract.data_functions import DataFunction, data_function
from syzygy_like.schema import ModelKey
from syzygy_like.schema.deletion import kind_of
from syzygy_like.schema.names import field_attname, is_parent_link
from syzygy_like.schema.types import Field


def settle(
    app_label: str, model: str, name: str, field: Any, state: ProjectState
) -> DataFunction:
    """
    Return a function for the rows of a relation whose target is gone.

    They are treated as ``on_delete`` says. What nobody says for a target that was
    deleted in spite of PROTECT is the same: NULL where that is allowed. ``state`` has
    the models that refer to these rows in their turn.
    """
    if isinstance(field, models.ManyToManyField):
        return _settle_many(app_label, model, name)
    if is_parent_link(field):
        return _settle_child(app_label, model, name)
    attname = field_attname(name, field)
    key = (field.to_fields or [None])[0] or "pk"
    what, action, imports = _on_delete(field, name)
    held = action == "delete()" and _is_held((app_label, model.lower()), state)
    body = (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f'target = {model}._meta.get_field("{name}").related_model\n'
        "alias = schema_editor.connection.alias\n"
        f"there = models.QuerySet(target, using=alias)"
        f'.filter({key}=models.OuterRef("{attname}"))\n'
        f"gone = models.QuerySet({model}, using=alias).exclude({name}=None)\n"
        "gone = gone.filter(~models.Exists(there))\n"
        f"{_HOLDERS.format(model=model) if held else ''}"
        f"gone.{action}\n"
    )
    return data_function(
        model,
        f"settle_{model.lower()}_{name}",
        f"{what} rows of {model} whose {name} was deleted meanwhile.",
        body,
        *imports,
    )


# Django leaves alone what the database is to delete, which SQLite does not do while
# a table is altered; and it refuses to delete what is protected.
_HOLDERS = """\
for link in {model}._meta.get_fields(include_hidden=True):
    if link.concrete or not (link.one_to_many or link.one_to_one):
        continue
    name, kind = link.field.name, link.on_delete.__name__
    holders = models.QuerySet(link.related_model, using=alias)
    holders = holders.filter(**{{f"{{name}}__in": gone}})
    if kind == "DB_CASCADE":
        holders.delete()
    elif kind != "CASCADE" and link.field.null:
        holders.update(**{{name: None}})
"""


def _is_held(key: ModelKey, state: ProjectState) -> bool:
    """Tell whether rows of a model do not simply take with them what refers to them."""
    return any(
        kind_of(field) != "CASCADE" and resolve_relation(_model_of(field), *own) == key
        for own, model in state.models.items()
        for field in model.fields.values()
        if isinstance(field, models.ForeignKey)
    )


def _model_of(field: Field) -> Any:
    remote: Any = field.remote_field
    return remote.model


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


def _settle_many(app_label: str, model: str, name: str) -> DataFunction:
    body = (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f"through = {model}.{name}.through\n"
        "alias = schema_editor.connection.alias\n"
        "for field in through._meta.fields:\n"
        "    if field.many_to_one:\n"
        "        there = models.QuerySet(field.related_model, using=alias).filter(\n"
        "            pk=models.OuterRef(field.attname)\n"
        "        )\n"
        "        rows = models.QuerySet(through, using=alias)\n"
        "        rows.filter(~models.Exists(there)).delete()\n"
    )
    return data_function(
        model,
        f"settle_{model.lower()}_{name}",
        f"Delete rows of {model}.{name} of which an end was deleted meanwhile.",
        body,
    )


def _settle_child(app_label: str, model: str, name: str) -> DataFunction:
    body = (
        f'{model} = apps.get_model("{app_label}", "{model}")\n'
        f'link = {model}._meta.get_field("{name}")\n'
        "parent = link.related_model._meta\n"
        "names = (\n"
        f"    {model}._meta.db_table,\n"
        "    parent.db_table,\n"
        "    parent.pk.column,\n"
        "    link.column,\n"
        ")\n"
        "child, table, key, column = map(schema_editor.quote_name, names)\n"
        "schema_editor.execute(\n"
        '    f"DELETE FROM {child} WHERE NOT EXISTS "\n'
        '    f"(SELECT 1 FROM {table} WHERE {table}.{key} = {child}.{column})"\n'
        ")\n"
    )
    return data_function(
        model,
        f"settle_{model.lower()}_{name}",
        f"Delete rows of {model} whose parent was deleted meanwhile.",
        body,
    )
