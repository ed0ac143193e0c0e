"""A change of models as operations before and after a roll-out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import models
from django.db.migrations import (
    AddField,
    AlterField,
    AlterOrderWithRespectTo,
    RemoveField,
    SeparateDatabaseAndState,
)
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED
from django.db.models.options import normalize_together

from syzygy_like.expand_contract import data_functions
from syzygy_like.expand_contract.bridge import FieldKey
from syzygy_like.expand_contract.change import Changes, ModelChange
from syzygy_like.expand_contract.data_functions import DataFunction
from syzygy_like.expand_contract.orphans import settle
from syzygy_like.schema import ModelKey
from syzygy_like.schema.database_defaults import is_constant
from syzygy_like.schema.types import Field

Detect = Callable[[ProjectState, ProjectState], Changes]


class SilentQuestioner(MigrationQuestioner):
    """Answers without asking: nothing was renamed, and no value is known."""

    def ask_not_null_addition(self, field_name: str, model_name: str) -> Any:
        return NOT_PROVIDED

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
        return NOT_PROVIDED

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> Any:
        return NOT_PROVIDED


def detect(
    old: ProjectState,
    new: ProjectState,
    autodetector: type[MigrationAutodetector] = MigrationAutodetector,
    graph: MigrationGraph | None = None,
) -> Changes:
    """
    Return what an autodetector finds between two states; a graph has the leaves.

    Where Meta.order_with_respect_to comes or goes, rows keep their places.
    """
    states = (comparable(old), comparable(new))
    detector = autodetector(*states, SilentQuestioner())
    changes: Changes = detector._detect_changes(graph=graph)  # type: ignore[attr-defined]
    for migration in (each for several in changes.values() for each in several):
        migration.operations = _with_order_kept(migration.operations)
    return changes


def comparable(state: ProjectState) -> ProjectState:
    """
    Return a copy of a state for an autodetector.

    It takes options away from what it is given, and wants them as of today's models:
    those of an old migration may be lists of lists.
    """
    copy = state.clone()
    for model in copy.models.values():
        if together := model.options.get("unique_together"):
            model.options["unique_together"] = set(normalize_together(together))
    return copy


def halves(
    model_change: ModelChange, between: ProjectState, detect: Detect = detect
) -> tuple[Changes, Changes]:
    """Return what leads to the state between, and what leads on to the new one."""
    expand = completed(detect(model_change.old, between), model_change)
    contract = detect(between, model_change.new)
    return expand, settled(completed(contract, model_change), between, model_change)


def completed(changes: Changes, model_change: ModelChange) -> Changes:
    """Put in what an autodetector cannot know of."""
    for app_label, migrations in changes.items():
        for migration in migrations:
            migration.operations = [
                _with_one_off(operation, app_label, model_change)
                if isinstance(operation, (AddField, AlterField))
                else operation
                for operation in migration.operations
            ]
    return changes


def settled(
    changes: Changes, between: ProjectState, model_change: ModelChange
) -> Changes:
    """Put in what has to become of the rows before the operations that follow."""
    for app_label, migrations in changes.items():
        several = [each for migration in migrations for each in migration.operations]
        first = data_functions.distinct(
            preparations(app_label, several, between, model_change)
        )
        # Before anything is altered: later there is less to go by.
        migrations[0].operations[:0] = [each.operation for each in first]
    return changes


def _with_one_off(operation: Any, app_label: str, model_change: ModelChange) -> Any:
    """Return an operation with the value that the author gave for rows that exist."""
    key = (app_label, operation.model_name_lower, operation.name)
    field: Field = operation.field
    lacks = field.default is NOT_PROVIDED and field.db_default is NOT_PROVIDED
    if not lacks or field.null or key not in model_change.one_offs:
        return operation
    field = field.clone()
    field.default = model_change.one_offs[key]
    return type(operation)(
        operation.model_name, operation.name, field, preserve_default=False
    )


def preparations(
    app_label: str,
    operations: list[Operation],
    between: ProjectState,
    model_change: ModelChange,
) -> Iterator[DataFunction]:
    """Yield what has to become of the rows of an app before it is altered."""
    for (app, model, name), source in model_change.copies.items():
        if app == app_label:
            label = between.models[app, model].name
            yield data_functions.copy(app, label, source, name)
    for operation in operations:
        if isinstance(operation, AlterField):
            key = (app_label, operation.model_name_lower)
            yield from _for_field(operation, key, between, model_change)


def _for_field(
    operation: AlterField,
    owner_key: ModelKey,
    between: ProjectState,
    model_change: ModelChange,
) -> Iterator[DataFunction]:
    """Yield what has to become of the values of a field before it is altered."""
    model = between.models[owner_key]
    old, new = model.fields[operation.name], operation.field
    owner = (model.app_label, model.name, operation.name)
    key = (model.app_label, model.name_lower, operation.name)
    before = model_change.old.models.get(key[:2])
    # What refers to nothing in a relation that was there is for people to judge.
    is_new = before is None or operation.name not in before.fields
    if is_new and is_constrained(new) and not is_constrained(old):
        yield settle(*owner, new, between)
    if new.many_to_many or new.null or not old.null or key in model_change.copies:
        return
    one_off = model_change.one_offs.get(key, NOT_PROVIDED)
    value = model_change.database_defaults.value_for(new, one_off)
    if value is not NOT_PROVIDED and not _is_filled(old, new, value):
        yield data_functions.fill(*owner, value)


def repeated(model_change: ModelChange, between: ProjectState) -> Iterator[FieldKey]:
    """Yield unique fields of which all rows that exist would get one value."""
    for (app_label, model_name), model in between.models.items():
        new = model_change.new.models.get((app_label, model_name))
        for name, field in new.fields.items() if new else ():
            key = (app_label, model_name, name)
            starts = model.fields.get(name)
            if starts is None or not starts.null or field.null or not field.unique:
                continue
            value = model_change.database_defaults.value_for(
                field, model_change.one_offs.get(key)
            )
            if is_constant(value) and key not in model_change.copies:
                yield key


def is_constrained(field: Any) -> bool:
    """Tell whether the database enforces a relation."""
    if isinstance(field, models.ManyToManyField):
        return bool(field.remote_field.db_constraint) and not field.remote_field.through
    return isinstance(field, models.ForeignKey) and field.db_constraint  # type: ignore[attr-defined]


def _is_filled(old: Field, new: Field, value: Any) -> bool:
    """
    Tell whether AlterField itself gives each row without a value the right one.

    It does so with a default of the database or of the field, and with nothing else:
    the empty text of a ``blank`` field is for columns that are added.
    """
    if new.db_default is not NOT_PROVIDED:
        return True
    return (
        is_constant(value)
        and new.default is not NOT_PROVIDED
        and old.default is NOT_PROVIDED
    )


def _with_order_kept(operations: Sequence[Operation]) -> list[Operation]:
    """
    Keep the column of Meta.order_with_respect_to where it is a field on one side.

    Django would drop it and add it again, and every row's place with it.
    """
    kept = list(operations)
    for order in operations:
        if not isinstance(order, AlterOrderWithRespectTo):
            continue
        for other in operations:
            if not isinstance(other, (AddField, RemoveField)):
                continue
            if other.name == "_order" and other.model_name_lower == order.name_lower:
                kept[kept.index(order)] = _in_place(order, other)
                kept.remove(other)
    return kept


def _in_place(order: AlterOrderWithRespectTo, other: Any) -> Operation:
    added = isinstance(other, AddField)
    field = other.field if added else models.OrderWrt()
    return SeparateDatabaseAndState(
        database_operations=[AlterField(other.model_name, "_order", field)],
        state_operations=[order, other] if added else [other, order],
    )
