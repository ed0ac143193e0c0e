"""
Random histories: states that follow each other, and the migrations between them.

The migrations are those that stock ``makemigrations`` writes, now and then with one
that takes care of rows. They are in no file: a loader finds them in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from django.db import models
from django.db.migrations import Migration, RunPython
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from hypothesis import strategies as st

from tests.support.detected import Writer, key_of, listed
from tests.support.repairs import repaired
from tests.support.strategies import (
    DEFAULTS,
    EDITS,
    PLAIN_NAMES,
    add_constraint,
    add_model,
    alter,
    alter_relation,
    bases,
    plain_field,
    rarely,
    remove_constraint,
    remove_field,
    remove_many_to_many,
    remove_model,
    resize,
    set_many_to_many,
    set_relation,
    some_model,
    toggle_default,
    toggle_null,
    toggle_unique,
    widen,
)
from tests.support.vocabulary import Models, clone, project

Draw = Callable[[st.SearchStrategy], Any]


@dataclasses.dataclass
class History:
    """Migrations in an order in which they apply; the first ones are applied."""

    applied: list[Migration]
    pending: list[Migration]
    start: ProjectState
    end: ProjectState

    @property
    def changes_rows(self) -> bool:
        """Whether a function does to rows what it does not undo."""
        operations = [each for one in self.pending for each in one.operations]
        return any(getattr(each, "code", None) is fill for each in operations)

    @contextlib.contextmanager
    def installed(self, several: Iterable[Migration] | None = None) -> Iterator[None]:
        """Let Django's loader find all migrations, or ``several``."""
        found = [*self.applied, *self.pending] if several is None else list(several)

        def load_disk(loader: MigrationLoader) -> None:
            keys = {key_of(each): each for each in found}
            loader.disk_migrations = keys
            loader.unmigrated_apps = set()
            loader.migrated_apps = {label for label, _ in keys}

        with mock.patch.object(MigrationLoader, "load_disk", load_disk):
            yield

    def __repr__(self) -> str:
        parts = {"APPLIED": self.applied, "PENDING": self.pending}
        return "\n".join(
            line
            for title, several in parts.items()
            for each in several
            for line in listed(title, each)
        )


# What takes care of rows


def resave(apps: Any, editor: Any) -> None:
    """Read and write each row, with the models of the migration."""
    for model in apps.get_models():
        if not model._meta.can_migrate(editor.connection) or model._meta.auto_created:
            continue
        for row in model._base_manager.using(editor.connection.alias):
            row.save()


def fill(apps: Any, editor: Any) -> None:
    """Put a value where there is none."""
    for model in apps.get_models():
        if not model._meta.can_migrate(editor.connection):
            continue
        for field in model._meta.local_concrete_fields:
            if not field.null or field._unique or field.remote_field:
                continue
            if not field.generated and isinstance(field, models.IntegerField):
                rows = model._base_manager.using(editor.connection.alias)
                rows.filter(**{field.name: None}).update(**{field.name: 7})


# Histories


def set_default(draw: Draw, found: Models, vendor: str) -> None:
    """Give a field a default that Django alone knows, or take it away."""

    def change(field):
        return {"default": None if field.has_default() else DEFAULTS[type(field)]}

    alter(draw, found, change, *DEFAULTS)


def add_field(draw: Draw, found: Models, vendor: str) -> None:
    if model := some_model(draw, found):
        free = [name for name in PLAIN_NAMES if name not in model.fields]
        if free:
            model.fields[draw(st.sampled_from(free))] = plain_field(draw, vendor)


# What can be done in a deploy, most of the time.
USUAL = [
    *[add_field, remove_field, set_default, toggle_null] * 3,
    *[add_constraint, remove_constraint, set_relation, set_many_to_many] * 2,
    *[add_model, remove_model, remove_many_to_many, resize, widen],
    *[toggle_unique, toggle_default, alter_relation],
]


def edited(draw: Draw, found: Models, vendor: str) -> Models:
    """Return models after a few edits."""
    after = {key: clone(model) for key, model in found.items()}
    for _ in range(draw(st.integers(1, 2))):
        edits = EDITS if draw(st.integers(0, 9)) == 9 else USUAL
        draw(st.sampled_from(edits))(draw, after, vendor)
    return after


@st.composite
def histories(draw: Draw, vendor: str, most: int = 5) -> History:
    """Draw a history whose last ``most`` steps at most are pending."""
    writer = Writer()
    found = draw(bases(vendor))
    for _ in range(draw(st.integers(0, 2))):
        set_default(draw, found, vendor)
    writer.step(project(repaired(found)), renames=False)
    applied, start = list(writer.written), writer.state.clone()
    for _ in range(draw(st.integers(2, most))):
        found = edited(draw, found, vendor)
        renames = draw(rarely)
        made = writer.step(project(repaired(found)), renames)
        for each in made:
            embellish(draw, each)
    pending = writer.written[len(applied) :]
    return History(applied, pending, start, writer.state)


def embellish(draw: Draw, made: Migration) -> None:
    """Let a migration take care of rows, or do without a transaction, now and then."""
    if draw(st.integers(0, 7)) == 7:
        code = draw(st.sampled_from([resave, fill]))
        place = draw(st.integers(0, len(made.operations)))
        made.operations.insert(place, RunPython(code, RunPython.noop))
    if draw(st.integers(0, 7)) == 7:
        made.atomic = False
