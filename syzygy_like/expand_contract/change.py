"""A change of models that is to be released, as Django's migrations tell it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.db.migrations import AddField, AlterField, Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract import renames
from syzygy_like.expand_contract.bridge import FieldKey, OneOffs
from syzygy_like.schema.database_defaults import DatabaseDefaults

# Migrations by app label. To the stubs their attributes are constants.
Changes = dict[str, list[Any]]


@dataclasses.dataclass(frozen=True)
class ModelChange:
    """
    The old and the new state of a release, and what is known beside them.

    What was ``renamed`` (operations by app) has its new name in the old state too.
    ``one_offs`` are the values for rows that exist, ``copies`` the fields that take
    their values from another one (both by app label, model and field).
    """

    old: ProjectState
    new: ProjectState
    database_defaults: DatabaseDefaults = dataclasses.field(
        default_factory=DatabaseDefaults
    )
    one_offs: OneOffs = dataclasses.field(default_factory=dict)
    copies: dict[FieldKey, str] = dataclasses.field(default_factory=dict)
    renamed: dict[str, list[Operation]] = dataclasses.field(default_factory=dict)


def release_of(
    changes: Changes,
    old: ProjectState,
    database_defaults: DatabaseDefaults,
    copied: Collection[tuple[str, str, str]] = (),
) -> ModelChange:
    """
    Return the release that migrations make of a state.

    ``copied`` are names of model, old and new field.
    """
    migrations = list(ordered(changes))
    renamed = renames.of_names(migrations)
    new = old.clone()
    for migration in migrations:
        for operation in migration.operations:
            operation.state_forwards(migration.app_label, new)
    copies = {
        (migration.app_label, model, name): source
        for migration, operation in _operations(migrations, AddField)
        for model, source, name in copied
        if (operation.model_name_lower, operation.name) == (model, name)
    }
    return ModelChange(
        renames.applied(renamed, old),
        new,
        database_defaults,
        one_offs(migrations),
        copies,
        renamed,
    )


def ordered(changes: Changes) -> Iterator[Migration]:
    """Yield migrations, each after those that it depends on."""
    waiting = {(each.app_label, each.name): each for each in _all(changes)}
    while waiting:
        ready = [
            key
            for key, migration in waiting.items()
            if not any(tuple(each) in waiting for each in migration.dependencies)
        ]
        if not ready:
            raise ValueError(f"The migrations depend on each other: {list(waiting)}")
        for key in ready:
            yield waiting.pop(key)


def _all(changes: Changes) -> Iterator[Migration]:
    for migrations in changes.values():
        yield from migrations


def _operations(
    migrations: Iterable[Migration], *kinds: type
) -> Iterator[tuple[Migration, Any]]:
    for migration in migrations:
        for operation in migration.operations:
            if isinstance(operation, kinds):
                yield migration, operation


def one_offs(migrations: Iterable[Migration]) -> OneOffs:
    """Return the values for rows that exist, which no field keeps as its default."""
    return {
        (migration.app_label, operation.model_name_lower, operation.name): (
            operation.field.default
        )
        for migration, operation in _operations(migrations, AddField, AlterField)
        if not operation.preserve_default
    }
