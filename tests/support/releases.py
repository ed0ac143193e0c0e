"""Random releases: migrations of a few apps, on top of some that are applied."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from django.db import migrations, models
from django.db.migrations import Migration
from hypothesis import strategies as st

from tests.support.projects import migration

APPS = ("blog", "shop")
FIELDS = ("a", "b", "c")
Draw = Callable[[st.SearchStrategy], Any]


@dataclasses.dataclass
class Release:
    """Migrations in an order in which they apply; the first ones are applied."""

    applied: list[Migration]
    pending: list[Migration]

    @property
    def parents(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """What each migration must come after."""
        everything = [*self.applied, *self.pending]
        return {
            (each.app_label, each.name): list(each.dependencies) for each in everything
        }


def _columns() -> st.SearchStrategy[models.Field]:
    return st.sampled_from(
        [
            models.IntegerField(null=True),
            models.IntegerField(),
            models.IntegerField(db_default=0),
            models.IntegerField(null=True, unique=True),
            models.BigIntegerField(null=True),
            models.CharField(max_length=5, null=True),
        ]
    )


class Writer:
    """Writes migrations that apply: it knows the fields of all models so far."""

    def __init__(self, draw: Draw):
        self.draw = draw
        self.models: dict[tuple[str, str], set[str]] = {}
        self.written: list[Migration] = []

    def write(self) -> None:
        app_label = self.draw(st.sampled_from(APPS))
        count = self.draw(st.sampled_from([1, 2, 3, 0]))
        made = [self._operation(app_label) for _ in range(count)]
        operations = [each for each in made if each is not None]
        name = f"{len(self.written) + 1:04}"
        others = [(each.app_label, each.name) for each in self.written]
        own = [key for key in others if key[0] == app_label][-1:]
        more = (
            self.draw(st.lists(st.sampled_from(others), max_size=2)) if others else []
        )
        if any(_refers(each) for each in operations):
            more = others
        dependencies = sorted({*own, *more})
        self.written.append(
            migration(app_label, name, *operations, dependencies=dependencies)
        )

    def _operation(self, app_label: str) -> Any:
        names = [name for label, name in self.models if label == app_label]
        if not names or self.draw(st.integers(0, 9)) == 9:
            return self._create(app_label)
        name = self.draw(st.sampled_from(names))
        kinds = (self._add, self._remove, self._alter, self._rename, self._other)
        return self.draw(st.sampled_from(kinds))(app_label, name)

    def _create(self, app_label: str) -> Any:
        name = f"Model{len(self.models)}"
        self.models[app_label, name] = {"a", "b"}
        fields = [(each, self.draw(_columns())) for each in ("a", "b")]
        key = ("id", models.BigAutoField(primary_key=True))
        return migrations.CreateModel(name, [key, *fields])

    def _add(self, app_label: str, name: str) -> Any:
        fields = self.models[app_label, name]
        missing = [each for each in FIELDS if each not in fields]
        if not missing:
            return None
        field_name = self.draw(st.sampled_from(missing))
        fields.add(field_name)
        field = self.draw(st.one_of(_columns(), self._foreign_keys()))
        return migrations.AddField(name, field_name, field)

    def _foreign_keys(self) -> st.SearchStrategy[models.Field]:
        targets = [".".join(key) for key in sorted(self.models)]
        return st.builds(
            models.ForeignKey,
            st.sampled_from(targets),
            on_delete=st.just(models.CASCADE),
            null=st.booleans(),
            related_name=st.just("+"),
        )

    def _remove(self, app_label: str, name: str) -> Any:
        field_name = self._field(app_label, name)
        if field_name is not None:
            self.models[app_label, name].remove(field_name)
            return migrations.RemoveField(name, field_name)
        return None

    def _alter(self, app_label: str, name: str) -> Any:
        field_name = self._field(app_label, name)
        if field_name is not None:
            return migrations.AlterField(name, field_name, self.draw(_columns()))
        return None

    def _rename(self, app_label: str, name: str) -> Any:
        fields = self.models[app_label, name]
        missing = [each for each in FIELDS if each not in fields]
        old = self._field(app_label, name)
        if old is None or not missing:
            return None
        fields.symmetric_difference_update({old, missing[0]})
        return migrations.RenameField(name, old, missing[0])

    def _other(self, app_label: str, name: str) -> Any:
        table = f"renamed_{name.lower()}" if self.draw(st.booleans()) else None
        return migrations.AlterModelTable(name, table)

    def _field(self, app_label: str, name: str) -> str | None:
        fields = sorted(self.models[app_label, name])
        return self.draw(st.sampled_from(fields)) if fields else None


def _refers(operation: Any) -> bool:
    return isinstance(getattr(operation, "field", None), models.ForeignKey)


@st.composite
def releases(draw: Draw) -> Release:
    """Draw a release."""
    writer = Writer(draw)
    applied, pending = draw(st.integers(0, 4)), draw(st.integers(1, 6))
    for _ in range(applied + pending):
        writer.write()
    return Release(writer.written[:applied], writer.written[applied:])
