"""The order and the names of the migrations of a release."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.migrations import Migration

from syzygy_like.expand_contract.change import Changes
from syzygy_like.stages import Stage


class NewMigration(Migration):
    """
    A migration of a release.

    ``suggested`` is its name if Django is asked for one, ``half`` which half it is,
    ``stage`` what the author says of it.
    """

    suggested = ""
    half = ""
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
        for name in ("suggested", "half", "stage"):
            if hasattr(migration, name):
                setattr(made, name, getattr(migration, name))
    return made


def combined(*phases: Changes) -> Changes:
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


def suffix(changes: Changes) -> None:
    """Add to the names of parts which half they are; a first migration keeps its."""
    renamed = {}
    for app_label, migrations in changes.items():
        for migration in migrations:
            half = getattr(migration, "half", "")
            if half and not migration.initial:
                name = f"{migration.name}_{half}"
                renamed[app_label, migration.name] = (app_label, name)
                migration.name = name
    for migrations in changes.values():
        for migration in migrations:
            migration.dependencies = [
                renamed.get(tuple(each), each) for each in migration.dependencies
            ]
