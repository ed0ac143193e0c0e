"""A project state whose tables are kept up to date as operations change it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from django.db.migrations.state import ModelState, ProjectState
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.schema import HasTable, ModelKey, Patch, Schema, Table, TableBuilder
from syzygy_like.schema.types import Field


class TrackedState(ProjectState):
    """
    A project state that notes which models are touched.

    Whatever changes a model tells the state to reload it, or models rendered from
    the state would be out of date: that is what is listened to here.
    """

    def __init__(
        self,
        models: dict[ModelKey, ModelState] | None = None,
        real_apps: set[str] | None = None,
    ) -> None:
        super().__init__(models, real_apps)
        self.touched: set[ModelKey] = set(self.models)

    def _touch(self, app_label: str, model_name: str) -> None:
        self.touched.add((app_label, model_name.lower()))

    def add_model(self, model_state: ModelState) -> None:
        self._touch(model_state.app_label, model_state.name)
        super().add_model(model_state)

    def remove_model(self, app_label: str, model_name: str) -> None:
        self._touch(app_label, model_name)
        super().remove_model(app_label, model_name)

    def rename_model(self, app_label: str, old_name: str, new_name: str) -> None:
        self._touch(app_label, old_name)
        self._touch(app_label, new_name)
        super().rename_model(app_label, old_name, new_name)

    def alter_field(
        self,
        app_label: str,
        model_name: str,
        name: str,
        field: Field,
        preserve_default: bool,
    ) -> None:
        if self._relations is not None:  # type: ignore[attr-defined]
            super().alter_field(app_label, model_name, name, field, preserve_default)
            return
        # Django looks through all fields of all models for references to this one, to
        # know what to render again. Nothing is rendered here, and the search would be
        # most of the time that a long history takes.
        if not preserve_default:
            field = field.clone()
            field.default = NOT_PROVIDED
        self.models[app_label, model_name].fields[name] = field
        self.reload_model(app_label, model_name, delay=True)

    def reload_model(
        self, app_label: str, model_name: str, delay: bool = False
    ) -> None:
        self._touch(app_label, model_name)
        super().reload_model(app_label, model_name, delay)

    def reload_models(self, models: Iterable[ModelKey], delay: bool = True) -> None:
        keys = list(models)
        for app_label, model_name in keys:
            self._touch(app_label, model_name)
        super().reload_models(keys, delay)


@dataclasses.dataclass(frozen=True)
class SchemaPair:
    """What code expects of a database, and what that database has."""

    code: Schema
    database: Schema


class Tracker:
    """
    The tables of a changing state, rebuilt only where it was touched.

    Beside them it keeps those of the database, which need not be the same: it is
    told what operations do to it. ``refreshed`` are the models that were touched when
    it was last brought up to date.
    """

    def __init__(
        self, state: TrackedState, has_table: HasTable, unsigned: bool = False
    ):
        self.state = state
        self.has_table = has_table
        self.unsigned = unsigned
        self._builder = TableBuilder(state, has_table, unsigned)
        self._tables: dict[ModelKey, dict[str, Table]] = {}
        self._owners: dict[str, list[ModelKey]] = defaultdict(list)
        self._code: dict[str, Table] = {}
        self._dependents: dict[ModelKey, set[ModelKey]] = defaultdict(set)
        self._database = Schema()
        self._patches: list[Patch] = []
        self.refreshed: frozenset[ModelKey] = frozenset()

    def fork(self) -> Tracker:
        """Return a tracker of a copy of the state, which goes its own way."""
        self.assume_applied()
        models = {key: model.clone() for key, model in self.state.models.items()}
        state = TrackedState(models, self.state.real_apps)
        copy = Tracker(state, self.has_table, self.unsigned)
        copy.state.touched.clear()
        copy._tables = dict(self._tables)
        copy._dependents.update({k: set(v) for k, v in self._dependents.items()})
        copy._owners.update({k: list(v) for k, v in self._owners.items()})
        copy._code, copy._database = dict(self._code), self.schemas.database
        return copy

    @property
    def schemas(self) -> SchemaPair:
        """The code's tables as of the last refresh, and the database's."""
        for patch in self._patches:
            self._database = patch.apply(self._database)
        self._patches.clear()
        return SchemaPair(Schema(dict(self._code)), self._database)

    def tables_of(self, keys: Collection[ModelKey]) -> Iterator[str]:
        """Yield the names of the tables that some models have."""
        for key in keys:
            yield from self._tables.get(key, ())

    def assume_applied(self) -> None:
        """Assume that the database has what the state says: the past is applied."""
        self._patches.append(self.refresh())

    def record(self, patch: Patch) -> None:
        """Note what becomes of the database."""
        self._patches.append(patch)

    def refresh(self) -> Patch:
        """Rebuild what was touched and return what changed."""
        queue = sorted(self.state.touched)
        self.refreshed = frozenset(queue)
        self.state.touched.clear()
        seen = set(queue)
        names: set[str] = set()
        for key in queue:
            old, new = self._rebuild(key)
            names.update(old, new)
            if _identity(old) != _identity(new):
                dependents = self._dependents[key] - seen
                seen |= dependents
                queue.extend(sorted(dependents))
        changes = {}
        for name in names:
            old_table, new_table = self._code.pop(name, None), self._owned(name)
            if new_table is not None:
                self._code[name] = new_table
            if old_table != new_table:
                changes[name] = (old_table, new_table)
        return Patch(changes)

    def _rebuild(self, key: ModelKey) -> tuple[dict[str, Table], dict[str, Table]]:
        old = self._tables.pop(key, {})
        new = self._builder.tables(key)
        if new:
            self._tables[key] = new
        for name in old:
            self._owners[name].remove(key)
        for name in new:
            self._owners[name].append(key)
        for consulted in self._builder.consulted:
            self._dependents[consulted].add(key)
        return old, new

    def _owned(self, name: str) -> Table | None:
        """
        Return a table as the last of its models has it, of those that migrate it.

        Two models may have one table, while it moves from one app to another or where
        one of them is unmanaged.
        """
        tables = [self._tables[key][name] for key in self._owners.get(name, ())]
        managed = [table for table in tables if not table.external]
        return next(reversed(managed or tables), None)


def _identity(tables: dict[str, Table]) -> object:
    """Return what other tables may refer to: names, keys and types."""
    return {
        name: (
            table.primary_key,
            [(column.name, column.type) for column in table.columns.values()],
        )
        for name, table in tables.items()
    }
