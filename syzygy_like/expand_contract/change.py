"""A change of models, as Django's migrations tell it, and migrations made for it."""

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
from syzygy_like.stages import Stage

# Migrations by app label. To the stubs their attributes are constants.
Changes = dict[str, list[Any]]


@dataclasses.dataclass(frozen=True)
class ModelChange:
    """
    The old and the new state of a deploy, and what is known beside them.

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


def change_of(
    changes: Changes,
    old: ProjectState,
    database_defaults: DatabaseDefaults,
    copied: Collection[tuple[str, str, str]] = (),
) -> ModelChange:
    """
    Return the change that migrations make of a state.

    ``copied`` are names of model, old and new field.
    """
    migrations = list(sort_by_dependencies(changes))
    renamed = renames.find_operations(migrations)
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
        renames.state_after(renamed, old),
        new,
        database_defaults,
        one_offs(migrations),
        copies,
        renamed,
    )


def sort_by_dependencies(changes: Changes) -> Iterator[Migration]:
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


class NewMigration(Migration):
    """
    A migration that is written for a change.

    ``suggested`` is its name if Django is asked for one, ``part`` which part it is,
    ``stage`` what the author says of it.
    """

    suggested = ""
    part = ""
    stage: Stage | None = None

    def suggest_name(self) -> str:
        """Return the name of the whole change, else what Django suggests."""
        return self.suggested or super().suggest_name()


def new_migration(app_label: str, name: str, migration: Any = None) -> Any:
    """Return an empty part, or one with what another migration has."""
    made: Any = NewMigration(name, app_label)
    if migration is not None:
        made.operations = list(migration.operations)
        made.dependencies = list(migration.dependencies)
        made.initial = migration.initial
        for name in ("suggested", "part", "stage"):
            if hasattr(migration, name):
                setattr(made, name, getattr(migration, name))
    return made


def combine(*phases: Changes) -> Changes:
    """
    Return the migrations of phases that follow each other, app by app.

    The names are those of an autodetector, auto_1 and so on. What depends on the
    last migration of an app that there was before depends on the phases before.
    """
    chains: Changes = {}
    for phase in phases:
        shifts = {app_label: len(chain) for app_label, chain in chains.items()}
        added: Changes = {}
        for app_label, migrations in phase.items():
            shift = shifts.get(app_label, 0)
            for number, migration in enumerate(migrations, start=shift + 1):
                made = new_migration(app_label, f"auto_{number}", migration)
                made.dependencies = _shifted(migration.dependencies, phase, shifts)
                if number > 1:
                    made.dependencies.append((app_label, f"auto_{number - 1}"))
                made.dependencies = list(dict.fromkeys(made.dependencies))
                added.setdefault(app_label, []).append(made)
        for app_label, made_here in added.items():
            chains.setdefault(app_label, []).extend(made_here)
    return chains


def _shifted(
    dependencies: Iterable[tuple[str, str]], phase: Changes, shifts: dict[str, int]
) -> list[tuple[str, str]]:
    found = []
    for each in dependencies:
        app_label, name = each
        own = {migration.name for migration in phase.get(app_label, ())}
        if name in own:
            number = int(name.removeprefix("auto_")) + shifts.get(app_label, 0)
            found.append((app_label, f"auto_{number}"))
        elif app_label in shifts and not hasattr(each, "setting"):
            found.append((app_label, f"auto_{shifts[app_label]}"))
        else:
            found.append(each)
    return found


def add_suffixes(changes: Changes) -> None:
    """Add the part to the names of migrations; a first migration keeps its name."""
    renamed = {}
    for app_label, migrations in changes.items():
        for migration in migrations:
            part = getattr(migration, "part", "")
            if part and not migration.initial:
                name = f"{migration.name}_{part}"
                renamed[app_label, migration.name] = (app_label, name)
                migration.name = name
    for migrations in changes.values():
        for migration in migrations:
            migration.dependencies = [
                renamed.get(tuple(each), each) for each in migration.dependencies
            ]
