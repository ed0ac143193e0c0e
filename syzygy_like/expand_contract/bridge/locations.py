"""Where in the models a table, a column or a constraint of a schema comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.options import normalize_together

from syzygy_like.schema import ColumnCache, HasTable, ModelKey, Table, TableBuilder
from syzygy_like.schema.expressions import freeze
from syzygy_like.schema.names import column_name, parents
from syzygy_like.schema.types import Field


@dataclasses.dataclass(frozen=True)
class Location:
    """A model, and a field or constraint of it; what is empty is not known."""

    key: ModelKey
    field: str = ""
    constraint: str = ""


class TableIndex:
    """The tables of a state, each with the model that it belongs to."""

    def __init__(
        self,
        state: ProjectState,
        has_table: HasTable,
        unsigned: bool,
        columns: ColumnCache,
    ):
        self.state = state
        self.owners: dict[str, ModelKey] = {}
        self.tables: dict[str, Table] = {}
        builder = TableBuilder(state, has_table, unsigned, columns)
        for key in state.models:
            for name, table in builder.tables(key).items():
                self._add(key, name, table)

    def _add(self, key: ModelKey, name: str, table: Table) -> None:
        known = self.tables.get(name)
        if known is None or known.external:
            self.tables[name] = table
            self.owners[name] = key

    def locate(
        self, table: str, column: str = "", constraint: str = ""
    ) -> Location | None:
        """Return what a table, its column or its constraint is in the models."""
        key = self.owners.get(table)
        if key is None:
            return None
        described = self.tables[table]
        model = self.state.models[key]
        label = f"{model.app_label}.{model.name}"
        if described.label != label:  # the table of a many-to-many field
            return Location(key, described.label.removeprefix(f"{label}."))
        if column:
            known = described.columns.get(column)
            return Location(key, known.field if known else "")
        return self._constraint(key, model, described, constraint)

    def _constraint(
        self, key: ModelKey, model: ModelState, table: Table, name: str
    ) -> Location:
        if any(each.name == name for each in model.options.get("constraints", ())):
            return Location(key, constraint=name)
        columns = {column.field: column.name for column in table.columns.values()}
        for names in normalize_together(model.options.get("unique_together", ())):
            if ", ".join(sorted(columns.get(each, each) for each in names)) == name:
                return Location(key, constraint=together_name(names))
        fields = [field for field, column in columns.items() if column == name]
        return Location(key, *fields)


def together_name(names: tuple[str, ...]) -> str:
    """Return what to call a unique constraint that has no name."""
    return ", ".join(names)


# A place, and the name of the table or column that has two meanings, if it is that.
Clash = tuple[Location, str]


def clashes(old: TableIndex, new: TableIndex) -> Iterator[Clash]:
    """Yield what stands in the way from one state to the other."""
    yield from _tables(old, new)
    yield from _inherited(old, new)
    for key, model in new.state.models.items():
        before = old.state.models.get(key)
        if before is not None and before is not model:
            yield from _columns(key, before, model)
            yield from _fields(key, before, model)


def _tables(old: TableIndex, new: TableIndex) -> Iterator[Clash]:
    for name, table in new.tables.items():
        known = old.tables.get(name)
        if known is None or known.external or table.external:
            continue
        was, is_ = old.owners[name], new.owners[name]
        # Many-to-many tables are told by their field.
        if (was, known.label.lower()) != (is_, table.label.lower()):
            yield Location(is_), name


def _columns(key: ModelKey, old: ModelState, new: ModelState) -> Iterator[Clash]:
    """Yield the columns that one field leaves to another one of another name."""
    owners = {column_name(name, field): name for name, field in old.fields.items()}
    for name, field in new.fields.items():
        column = column_name(name, field)
        if column and owners.get(column, name) != name:
            yield Location(key, name), column


def _inherited(old: TableIndex, new: TableIndex) -> Iterator[Clash]:
    """Yield the fields that move between a model and one that it inherits from."""
    for key, model in new.state.models.items():
        for parent in parents(model):
            shared = _names(key, old, new) & _names(parent, old, new)
            for name in sorted(shared - {"id"}):
                yield Location(key, name), ""


def _names(key: ModelKey, *indexes: TableIndex) -> set[str]:
    found = (index.state.models.get(key) for index in indexes)
    return {name for model in found if model for name in model.fields}


def _fields(key: ModelKey, old: ModelState, new: ModelState) -> Iterator[Clash]:
    for name, field in new.fields.items():
        before = old.fields.get(name)
        if before is not None and _nature(before) != _nature(field):
            yield Location(key, name), ""


def _nature(field: Field) -> object:
    """Return what AlterField cannot change ("AlterField", "GeneratedField")."""
    if isinstance(field, models.ManyToManyField):
        through = field.remote_field.through
        return str(through).lower() if through else "table of its own"
    if field.generated:
        return freeze(field.expression), field.db_persist  # type: ignore[attr-defined]
    return None
