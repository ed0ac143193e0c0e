"""How to write an operation that fits no stage in two steps instead of one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.migrations import (
    AddField,
    AlterField,
    AlterModelTable,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.schema.names import column_name, table_name
from syzygy_like.schema.types import Field

Remedy = tuple[list[Operation], list[Operation]]


def remedy(operation: Operation, app_label: str, state: ProjectState) -> Remedy | None:
    """
    Return what to do before the deploy and what after it, instead of an operation.

    ``state`` is the one before the operation. None is returned where nothing is
    known; what is returned has to be tried, for it need not fit either.
    """
    for kind, propose in _REMEDIES.items():
        if isinstance(operation, kind):
            return propose(operation, app_label, state)
    return None


def _add_field(operation: Any, app_label: str, state: ProjectState) -> Remedy | None:
    nullable = _loosened(operation.field)
    if nullable is None:
        return None
    expand = AddField(operation.model_name, operation.name, nullable)
    contract = AlterField(
        operation.model_name,
        operation.name,
        operation.field,
        preserve_default=operation.preserve_default,
    )
    return [expand], [contract]


def _remove_field(operation: Any, app_label: str, state: ProjectState) -> Remedy | None:
    model = state.models[app_label, operation.model_name_lower]
    loosened = _loosened(model.fields[operation.name])
    if loosened is None:
        return None
    return [AlterField(operation.model_name, operation.name, loosened)], [operation]


def _delete_model(operation: Any, app_label: str, state: ProjectState) -> Remedy | None:
    model: ModelState = state.models[app_label, operation.name_lower]
    expand: list[Operation] = []
    for name, field in model.fields.items():
        if isinstance(field, (models.ForeignKey, models.ManyToManyField)):
            loosened = _without_constraint(field)
            expand.append(AlterField(model.name, name, loosened))
    return (expand, [operation]) if expand else None


def _rename_field(operation: Any, app_label: str, state: ProjectState) -> Remedy | None:
    model = state.models[app_label, operation.model_name_lower]
    field = copy.copy(model.fields[operation.old_name])
    column = column_name(operation.old_name, field)
    if column is None:
        return None
    field.db_column = column
    kept = AlterField(operation.model_name, operation.old_name, field)
    return [kept, operation], []


def _rename_model(operation: Any, app_label: str, state: ProjectState) -> Remedy | None:
    model = state.models[app_label, operation.old_name_lower]
    return [AlterModelTable(model.name, table_name(model)), operation], []


_REMEDIES: dict[type[Operation], Callable[[Any, str, ProjectState], Remedy | None]] = {
    AddField: _add_field,
    RemoveField: _remove_field,
    DeleteModel: _delete_model,
    RenameField: _rename_field,
    RenameModel: _rename_model,
}


def _loosened(field: Field) -> Any:
    """Return a field whose column may be left out and blocks no deletion, if any."""
    if field.primary_key or field.generated:
        return None
    loosened = _without_constraint(field)
    if not field.many_to_many:
        loosened.null = True
    return loosened


def _without_constraint(field: Field) -> Any:
    loosened: Any = field.clone()
    if isinstance(field, (models.ForeignKey, models.ManyToManyField)):
        relation = copy.copy(loosened.remote_field)
        loosened.remote_field = relation
        # A foreign key keeps it on the field, a many-to-many field on the relation.
        owner = loosened if isinstance(field, models.ForeignKey) else relation
        owner.db_constraint = False
    return loosened
