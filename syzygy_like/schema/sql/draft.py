"""A schema that is being changed, statement by statement."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from sqlglot.expressions import Expression as Node

from syzygy_like.schema import Constraint, Patch, Reference, Schema, Table

# Attributes of a column, by name.
Attributes = dict[str, Any]


class UnreadableError(Exception):
    """What a statement does cannot be told."""


class Draft:
    """
    The tables of a schema as they become.

    Beside them it knows what a schema has no room for: the names that foreign keys
    were given, and rules that equal another one but for their name.
    """

    def __init__(self, schema: Schema, vendor: str) -> None:
        self.vendor = vendor
        self.before = dict(schema.tables)
        self.tables = dict(schema.tables)
        self.foreign_keys: dict[tuple[str, str], str] = {}
        self.twins: list[tuple[str, Constraint]] = []

    @property
    def patch(self) -> Patch:
        """What has changed since the start."""
        before, tables = self.before, self.tables
        names = sorted(Schema(before).differing(Schema(tables)))
        return Patch({name: (before.get(name), tables.get(name)) for name in names})

    def name(self, node: Node) -> str:
        """Return the name of the table that a part of a statement names."""
        return read_name(node, self.vendor, self.tables)

    def column_name(self, table: Table, node: Node) -> str:
        """Return the name of the column that a part of a statement names."""
        return read_name(node, self.vendor, table.columns)

    def table(self, node: Node) -> Table | None:
        """
        Return the table that a part of a statement names, None if it isn't known.

        Of an external one nothing is known either.
        """
        table = self.tables.get(self.name(node))
        return None if table is None or table.external else table

    def stands_for_table(self, node: Node) -> bool:
        """Tell whether code may take what is named so for a table of its own."""
        tables = (self.before.get(self.name(node)), self.tables.get(self.name(node)))
        return any(table is not None and not table.external for table in tables)

    def put(self, table: Table, **changes: Any) -> None:
        """Put a table in place of the one of its name."""
        self.tables[table.name] = dataclasses.replace(table, **changes)

    def put_column(self, table: str, column: str, **changes: Any) -> None:
        """Change attributes of a column, if it is known."""
        current = self.tables[table]
        if column in current.columns:
            changed = dataclasses.replace(current.columns[column], **changes)
            self.put(current, columns={**current.columns, column: changed})

    def put_constraint(self, table: str, constraint: Constraint) -> None:
        """Add a constraint to a table."""
        current = self.tables[table]
        if constraint in current.constraints:
            self.twins.append((table, constraint))
        else:
            self.put(current, constraints=current.constraints | {constraint})

    def drop_constraint(self, table: str, constraint: Constraint) -> None:
        """Take a constraint from a table."""
        current = self.tables[table]
        self.put(current, constraints=current.constraints - {constraint})

    def restore_twin(self, table: str, constraint: Constraint) -> None:
        """Put what equals a constraint that was dropped in its place, if any does."""
        for twin in self.twins:
            if twin == (table, constraint):
                self.twins.remove(twin)
                self.put_constraint(*twin)
                return

    def drop_twin(self, table: str, name: str) -> bool:
        """Drop what equals a constraint that stays, tell whether there is such."""
        for twin in self.twins:
            if (twin[0], twin[1].name) == (table, name):
                self.twins = [each for each in self.twins if each is not twin]
                return True
        return False

    def redirect(self, change: Callable[[Reference], Reference]) -> None:
        """Change references, wherever they are."""
        for table in list(self.tables.values()):
            columns = {
                name: dataclasses.replace(column, reference=change(column.reference))
                for name, column in table.columns.items()
                if column.reference is not None
            }
            if columns:
                self.put(table, columns={**table.columns, **columns})


# What may be around a column without making an expression of it.
WRAPPERS = {"Column", "ColumnDef", "Opclass", "Ordered", "Schema", "Table"}


def identifier(node: Node) -> Node | None:
    """Return the identifier that a part of a statement is, None if it is more."""
    while type(node).__name__ in WRAPPERS:
        node = node.this
    return node if type(node).__name__ == "Identifier" else None


def read_name(node: Node, vendor: str, known: Iterable[str] = ()) -> str:
    """
    Return the name that a part of a statement stands for.

    PostgreSQL folds names without quotes to lower case ("Identifiers and Key
    Words"); elsewhere case makes no difference, so it is spelled as it is known.
    """
    found = identifier(node)
    if found is None:
        raise UnreadableError(node)
    name = str(found.name)
    if vendor == "postgresql":
        return name if found.args.get("quoted") else name.lower()
    candidates = list(known)
    if name in candidates:
        return name
    folded = name.casefold()
    return next((each for each in candidates if each.casefold() == folded), name)
