"""A change of models in two parts: expand before a roll-out, contract after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from django.db import models
from django.db.migrations import (
    AddField,
    AlterField,
    AlterOrderWithRespectTo,
    Migration,
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

from syzygy_like.expand_contract import data_functions, renames
from syzygy_like.expand_contract.bridge import FieldKey, NoBridgeError, bridge
from syzygy_like.expand_contract.change import Changes, ModelChange, change_of
from syzygy_like.expand_contract.data_functions import DataFunction
from syzygy_like.expand_contract.orphans import clean_up_orphans
from syzygy_like.schema import HasTable, ModelKey
from syzygy_like.schema.database_defaults import DatabaseDefaults, is_constant
from syzygy_like.schema.types import Field

Detect = Callable[[ProjectState, ProjectState], Changes]


class SilentQuestioner(MigrationQuestioner):
    """Answers without asking: nothing was renamed, and no value is known."""

    def ask_not_null_addition(self, field_name: str, model_name: str) -> object:
        return NOT_PROVIDED

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> object:
        return NOT_PROVIDED

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> object:
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
    states = (make_comparable(old), make_comparable(new))
    detector = autodetector(*states, SilentQuestioner())
    changes: Changes = detector._detect_changes(graph=graph)  # type: ignore[attr-defined]
    for migration in (each for several in changes.values() for each in several):
        migration.operations = _with_order_kept(migration.operations)
    return changes


def make_comparable(state: ProjectState) -> ProjectState:
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


def expand_and_contract(
    model_change: ModelChange, between: ProjectState, detect: Detect = detect
) -> tuple[Changes, Changes]:
    """Return the expand part, which leads to a state between, and the contract part."""
    expand = complete(detect(model_change.old, between), model_change)
    contract = detect(between, model_change.new)
    return expand, settle(complete(contract, model_change), between, model_change)


def complete(changes: Changes, model_change: ModelChange) -> Changes:
    """Put in the values for existing rows, which an autodetector does not know."""
    for app_label, migrations in changes.items():
        for migration in migrations:
            migration.operations = [
                _with_one_off(operation, app_label, model_change)
                if isinstance(operation, (AddField, AlterField))
                else operation
                for operation in migration.operations
            ]
    return changes


def settle(
    changes: Changes, between: ProjectState, model_change: ModelChange
) -> Changes:
    """Put in functions that make the rows ready for the operations that follow."""
    for app_label, migrations in changes.items():
        several = [each for migration in migrations for each in migration.operations]
        first = data_functions.name_distinctly(
            preparations(app_label, several, between, model_change)
        )
        # Before anything is altered: later there is less to go by.
        migrations[0].operations[:0] = [each.operation for each in first]
    return changes


def _with_one_off(
    operation: AddField | AlterField, app_label: str, model_change: ModelChange
) -> Operation:
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
    """Yield functions that make the rows of an app ready for its operations."""
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
    """Yield functions that make the values of a field ready for AlterField."""
    model = between.models[owner_key]
    old, new = model.fields[operation.name], operation.field
    owner = (model.app_label, model.name, operation.name)
    key = (model.app_label, model.name_lower, operation.name)
    before = model_change.old.models.get(key[:2])
    # People decide about orphans of a relation that was there before.
    is_new = before is None or operation.name not in before.fields
    if is_new and is_constrained(new) and not is_constrained(old):
        yield clean_up_orphans(*owner, new, between)
    if new.many_to_many or new.null or not old.null or key in model_change.copies:
        return
    one_off = model_change.one_offs.get(key, NOT_PROVIDED)
    value = model_change.database_defaults.value_for(new, one_off)
    if value is not NOT_PROVIDED and not _is_filled(old, new, value):
        yield data_functions.fill(*owner, value)


def filled_alike(
    model_change: ModelChange, between: ProjectState
) -> Iterator[FieldKey]:
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


def is_constrained(field: Field) -> bool:
    """Tell whether the database enforces a relation."""
    if isinstance(field, models.ManyToManyField):
        return bool(field.remote_field.db_constraint) and not field.remote_field.through
    return isinstance(field, models.ForeignKey) and field.db_constraint  # type: ignore[attr-defined]


def _is_filled(old: Field, new: Field, value: object) -> bool:
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


def _in_place(
    order: AlterOrderWithRespectTo, other: AddField | RemoveField
) -> Operation:
    added = isinstance(other, AddField)
    field = other.field if isinstance(other, AddField) else models.OrderWrt()
    return SeparateDatabaseAndState(
        database_operations=[AlterField(other.model_name, "_order", field)],
        state_operations=[order, other] if added else [other, order],
    )


def split_migration(
    migration: Migration,
    state: ProjectState,
    database_defaults: DatabaseDefaults,
    has_table: HasTable,
) -> list[list[Operation]]:
    """
    Return the operations of the expand part and of the contract part of a migration.

    ``state`` is the one before it. What it renames keeps its name in the database.
    An empty list is returned if it cannot be split.
    """
    app_label = migration.app_label
    operations = renames.keep_names(migration.operations, app_label, state)
    made = type("Migration", (Migration,), {"operations": operations})("", app_label)
    model_change = change_of({app_label: [made]}, state, database_defaults)
    try:
        return _split(model_change, app_label, has_table)
    except NoBridgeError:
        return []


def _split(
    model_change: ModelChange, app_label: str, has_table: HasTable
) -> list[list[Operation]]:
    found = bridge(
        model_change.old,
        model_change.new,
        model_change.database_defaults,
        model_change.one_offs,
        has_table,
    )
    first, last = expand_and_contract(model_change, found.state)
    if {*first, *last} - {app_label}:
        return []  # which one file cannot do
    groups = [list(model_change.renamed.get(app_label, ()))]
    groups[0] += _operations(first.get(app_label, ()))
    return [*groups, _operations(last.get(app_label, ()))]


def _operations(migrations: Sequence[Migration]) -> list[Operation]:
    return [operation for each in migrations for operation in each.operations]
