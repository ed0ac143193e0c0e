"""Migrations as stock ``makemigrations`` writes them, one step after the other."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.migrations import DeleteModel, Migration, RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from hypothesis import assume

from syzygy_like.rehearsal.workload import values
from tests.laws.test_soundness import dangles, migrations
from tests.support.projects import migration
from tests.support.repairs import has_key, parent_of

Key = tuple[str, str]

# Stands for what somebody would answer when asked for the value of existing rows.
ASKED = object()


class Answers(MigrationQuestioner):
    """Answers as somebody would whose tables have rows."""

    def ask_not_null_addition(self, field_name, model_name):
        return ASKED

    def ask_not_null_alteration(self, field_name, model_name):
        return ASKED


class Writer:
    """Writes migrations, numbered within their apps."""

    def __init__(self) -> None:
        self.state = ProjectState()
        self.written: list[Migration] = []
        self.latest: dict[str, Key] = {}

    def step(self, target: ProjectState, renames: bool) -> list[Migration]:
        """Write what leads to a state."""
        names: dict[Key, Key] = {}
        target = with_keys(target, self.state)
        try:
            detected = list(migrations(self.state.clone(), target, renames, Answers))
        except ValueError as error:
            # It gives up on models of two apps that inherit from each other in turn.
            assume("Cannot resolve operation dependencies" not in str(error))
            raise
        return [self._write(each, names) for each in detected]

    def _write(self, detected: Migration, names: dict[Key, Key]) -> Migration:
        label = detected.app_label
        own = [each for each in self.written if each.app_label == label]
        key = names[key_of(detected)] = (label, f"{len(own) + 1:04}")
        needed = [tuple(each) for each in detected.dependencies]
        others = [names.get(each) or self.latest.get(each[0]) for each in needed]
        operations = [answered(each) for each in detected.operations]
        if any(isinstance(each, DeleteModel) for each in operations):
            # The autodetector may forget who referred to the model until then.
            others += self.latest.values()
        dependencies = {self.latest.get(label), *others} - {None}
        made = migration(*key, *operations, dependencies=sorted(dependencies))
        self.state = made.mutate_state(self.state)
        # The autodetector deletes a proxy after the model that it stands for.
        assume(not dangles(self.state) and has_bases(self.state))
        self.written.append(made)
        self.latest[label] = key
        return made


def with_keys(target: ProjectState, before: ProjectState) -> ProjectState:
    """
    Return a state in which no key that Django adds by itself comes or goes.

    To the autodetector it would be a new column. Most databases have that already, and
    SQLite, which makes the table again, loses it when the migration is unapplied.
    """
    state = target.clone()
    for key, model in state.models.items():
        earlier = before.models.get(key)
        if earlier is None or parent_of(model) or parent_of(earlier):
            continue
        if not has_key(earlier) and has_key(model):
            model.fields.pop("id", None)
        elif has_key(earlier) and not has_key(model):
            model.fields = {"id": models.BigAutoField(primary_key=True), **model.fields}
    return state


def key_of(each: Migration) -> Key:
    return each.app_label, each.name


def has_bases(state: ProjectState) -> bool:
    """Tell whether all models are there that others inherit from."""
    bases = [base for model in state.models.values() for base in model.bases]
    names = [tuple(base.split(".")) for base in bases if isinstance(base, str)]
    return all(name in state.models for name in names)


def answered(operation: Operation) -> Operation:
    """Return an operation with a value for the rows that there are."""
    field = getattr(operation, "field", None)
    if field is not None and field.default is ASKED:
        field.default = models.NOT_PROVIDED
        field.default = 1 if field.remote_field else values.typical(field, 1)
    return operation


# How they are told


def listed(title: str, each: Migration) -> list[str]:
    """Return a migration as one would write it down."""
    ways = "" if each.atomic else " not atomic"
    head = f"{title} {each.app_label}.{each.name} after {each.dependencies}{ways}"
    return [head, *(f"    {written(operation)}" for operation in each.operations)]


def written(operation: Operation) -> str:
    """Return an operation as one would write it down."""
    if isinstance(operation, RunPython):
        return f"RunPython({operation.code.__name__}, noop)"
    name, args, kwargs = operation.deconstruct()
    given = [*map(_text, args), *(f"{k}={_text(v)}" for k, v in kwargs.items())]
    return f"{name}({', '.join(given)})"


def _text(value: Any) -> str:
    if isinstance(value, models.Field):
        _, path, args, kwargs = value.deconstruct()
        given = [*map(_text, args), *(f"{k}={_text(v)}" for k, v in kwargs.items())]
        return f"{path.rpartition('.')[2]}({', '.join(given)})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return getattr(value, "__name__", None) or repr(value)
