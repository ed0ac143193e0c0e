"""What a change renames: in the models only, or in the database too."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from django.db.migrations import (
    AddField,
    AlterField,
    AlterModelTable,
    CreateModel,
    Migration,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema import HasTable, schema
from syzygy_like.schema.names import column_name, table_name


@dataclasses.dataclass(frozen=True)
class Rename:
    """
    A field or model that was renamed, and its column or table with it.

    ``model`` is the name of the model, ``old`` and ``new`` those of the field, or of
    the model where ``is_field`` is false; ``kept`` the column or table there is.
    A field ``copies`` where a row that waits for its copy can be told: the column is
    NULL in it, and no default of the database takes that place.
    """

    app_label: str
    model: str
    old: str
    new: str
    kept: str
    is_field: bool
    copies: bool = False


def find_operations(migrations: Iterable[Migration]) -> dict[str, list[Operation]]:
    """Return by app the operations that rename, and those that keep old names."""
    found: dict[str, list[Operation]] = {}
    made: set[tuple[str, ...]] = set()
    for migration in migrations:
        renaming = list(_renaming(migration, made))
        for operation in migration.operations:
            if operation in renaming or _keeps(operation, renaming):
                found.setdefault(migration.app_label, []).append(operation)
    return found


def _renaming(
    migration: Migration, made: set[tuple[str, ...]]
) -> Iterator[RenameField | RenameModel]:
    """
    Yield the operations that rename what there was before.

    ``made`` are the models and fields that there was not: it is added to.
    """
    for operation in migration.operations:
        if isinstance(operation, CreateModel):
            made.add((migration.app_label, operation.name_lower))
        elif isinstance(operation, AddField):
            model = (migration.app_label, operation.model_name_lower)
            made.add((*model, operation.name_lower))
        elif isinstance(operation, RenameModel):
            old = (migration.app_label, operation.old_name_lower)
            new = (migration.app_label, operation.new_name_lower)
            made |= {(*new, *each[2:]) for each in made if each[:2] == old}
            if old not in made:
                yield operation
        elif isinstance(operation, RenameField):
            model = (migration.app_label, operation.model_name_lower)
            if made.isdisjoint({model, (*model, operation.old_name_lower)}):
                yield operation
            else:
                made.add((*model, operation.new_name_lower))


def _keeps(operation: Operation, renaming: Sequence[RenameField | RenameModel]) -> bool:
    """Tell whether an operation keeps the name of what is renamed in the database."""
    if isinstance(operation, AlterModelTable):
        return any(
            operation.name_lower in (each.old_name_lower, each.new_name_lower)
            for each in renaming
            if isinstance(each, RenameModel)
        )
    return isinstance(operation, AlterField) and any(
        each.model_name_lower == operation.model_name_lower
        and each.old_name_lower == operation.name_lower
        for each in renaming
        if isinstance(each, RenameField)
    )


def keep_names(
    operations: Iterable[Operation], app_label: str, state: ProjectState
) -> list[Operation]:
    """Return operations after which what was renamed has its name in the database."""
    current = state.clone()
    result: list[Operation] = []
    for operation in operations:
        found = _rename(operation, app_label, current)
        keeping = _keeping(found, current) if found else []
        operation.state_forwards(app_label, current)
        if found is not None and _changes(found, current):
            result += keeping
        result.append(operation)
    return result


def _keeping(rename: Rename, state: ProjectState) -> list[Operation]:
    if not rename.is_field:
        return [AlterModelTable(rename.old, rename.kept)]
    model = state.models[rename.app_label, rename.model.lower()]
    field = model.fields[rename.old].clone()
    field.db_column = rename.kept
    return [AlterField(model.name, rename.old, field)]


def state_after(
    operations: dict[str, list[Operation]], state: ProjectState
) -> ProjectState:
    """Return a state after operations of several apps."""
    after = state.clone()
    for app_label, several in operations.items():
        for operation in several:
            operation.state_forwards(app_label, after)
    return after


def find_physical(
    operations: dict[str, list[Operation]], state: ProjectState, has_table: HasTable
) -> list[Rename]:
    """
    Return the renames that change the database.

    ``kept`` is empty for a model whose table stays, but whose name is that of a
    column in the table of a many-to-many field.
    """
    if not operations:
        return []
    after = state_after(operations, state)
    if schema(after, has_table) == schema(state, has_table):
        return []
    every = list(_all(operations, state))
    found = [each for each in every if _changes(each, after)]
    models = (each for each in every if not each.is_field)
    return found or [dataclasses.replace(each, kept="") for each in models]


def _all(
    operations: dict[str, list[Operation]], state: ProjectState
) -> Iterator[Rename]:
    current = state.clone()
    for app_label, several in operations.items():
        for operation in several:
            found = _rename(operation, app_label, current)
            operation.state_forwards(app_label, current)
            if found is not None:
                yield found


def _rename(operation: Operation, app_label: str, state: ProjectState) -> Rename | None:
    if isinstance(operation, RenameField):
        model = state.models[app_label, operation.model_name_lower]
        old, new = operation.old_name, operation.new_name
        field = model.fields[old]
        kept, copies = column_name(old, field) or "", field.db_default is NOT_PROVIDED
        return Rename(app_label, model.name, old, new, kept, True, copies)
    if isinstance(operation, RenameModel):
        model = state.models[app_label, operation.old_name_lower]
        old, new = operation.old_name, operation.new_name
        return Rename(app_label, new, old, new, table_name(model), is_field=False)
    return None


def _changes(rename: Rename, after: ProjectState) -> bool:
    model = after.models.get((rename.app_label, rename.model.lower()))
    if model is None:  # renamed again
        return False
    if rename.is_field:
        return column_name(rename.new, model.fields[rename.new]) != rename.kept
    return table_name(model) != rename.kept
