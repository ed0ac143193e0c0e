"""Where in the models a table, a column or a constraint of a schema comes from."""

from __future__ import annotations

import dataclasses

from django.db.migrations.state import ModelState, ProjectState
from django.db.models.options import normalize_together

from syzygy_like.schema import Builder, ColumnCache, ModelKey, Presence, Table


@dataclasses.dataclass(frozen=True)
class Place:
    """A model, and a field or constraint of it; what is empty is not known."""

    key: ModelKey
    field: str = ""
    constraint: str = ""


class TableIndex:
    """The tables of a state, each with the model that it belongs to."""

    def __init__(
        self,
        state: ProjectState,
        presence: Presence,
        unsigned: bool,
        columns: ColumnCache,
    ):
        self.state = state
        self.owners: dict[str, ModelKey] = {}
        self.tables: dict[str, Table] = {}
        builder = Builder(state, presence, unsigned, columns)
        for key in state.models:
            for name, table in builder.tables(key).items():
                self._add(key, name, table)

    def _add(self, key: ModelKey, name: str, table: Table) -> None:
        known = self.tables.get(name)
        if known is None or known.external:
            self.tables[name] = table
            self.owners[name] = key

    def place(self, table: str, column: str = "", constraint: str = "") -> Place | None:
        """Return what a table, its column or its constraint is in the models."""
        key = self.owners.get(table)
        if key is None:
            return None
        described = self.tables[table]
        model = self.state.models[key]
        label = f"{model.app_label}.{model.name}"
        if described.label != label:  # the table of a many-to-many field
            return Place(key, described.label.removeprefix(f"{label}."))
        if column:
            known = described.columns.get(column)
            return Place(key, known.field if known else "")
        return self._constraint(key, model, described, constraint)

    def _constraint(
        self, key: ModelKey, model: ModelState, table: Table, name: str
    ) -> Place:
        if any(each.name == name for each in model.options.get("constraints", ())):
            return Place(key, constraint=name)
        columns = {column.field: column.name for column in table.columns.values()}
        for names in normalize_together(model.options.get("unique_together", ())):
            if ", ".join(sorted(columns.get(each, each) for each in names)) == name:
                return Place(key, constraint=together_name(names))
        fields = [field for field, column in columns.items() if column == name]
        return Place(key, *fields)


def together_name(names: tuple[str, ...]) -> str:
    """Return what to call a unique constraint that has no name."""
    return ", ".join(names)
