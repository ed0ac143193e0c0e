"""From the definition of a column to the column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot.expressions import Expression as Node

from syzygy_like.schema import Column, Table
from syzygy_like.schema.sql.constraints import HANDLERS, add_constraint, add_unique
from syzygy_like.schema.sql.draft import Attributes, Draft, UnreadableError
from syzygy_like.schema.sql.expressions import read_default, reads, rename_in, text
from syzygy_like.schema.sql.types import SERIALS, read_type, type_name

# What makes no difference to a query.
HARMLESS = {
    "CharacterSetColumnConstraint",
    "CommentColumnConstraint",
    "InvisibleColumnConstraint",
    "OnUpdateColumnConstraint",
    "ZeroFillColumnConstraint",
}


def _generated(kind: Node) -> Attributes:
    return {"generated": text(kind.this)}


def _automatic(kind: Node) -> Attributes:
    return {"auto": True, "null": False}


ATTRIBUTES: dict[str, Callable[[Node], Attributes]] = {
    "AutoIncrementColumnConstraint": _automatic,
    "CollateColumnConstraint": lambda kind: {"collation": str(kind.this.name)},
    "ComputedColumnConstraint": _generated,
    "DefaultColumnConstraint": lambda kind: {"default": read_default(kind.this)},
    "GeneratedAsIdentityColumnConstraint": _automatic,
    "NotNullColumnConstraint": lambda kind: {"null": bool(kind.args.get("allow_null"))},
    "PrimaryKeyColumnConstraint": lambda kind: {"null": False},
    "TransformColumnConstraint": _generated,  # by sqlglot 26
}


def read_column(draft: Draft, table: Table, definition: Node) -> Column:
    """
    Return the column that a definition stands for.

    Raise UnreadableError if a part of the definition is not known.
    """
    name = draft.column_name(table, definition)
    if type(definition).__name__ == "Identifier":  # SQLite wants no type
        return Column(name, read_type(None, draft.vendor), null=True, field=name)
    kind = definition.args.get("kind")
    serial = type_name(kind) in SERIALS
    attributes: Attributes = {"null": not serial, "auto": serial}
    for part in _parts(definition):
        attributes.update(_attributes(type(part.args["kind"]).__name__, part))
    type_ = read_type(kind, draft.vendor)
    if attributes["auto"]:
        type_ = type_.signed()
    if attributes.get("generated"):
        attributes["null"] = True
    return Column(name, type_, field=name, **attributes)


def add_column_constraints(draft: Draft, table: str, definition: Node) -> None:
    """Add the constraints that the definition of a column has to its table."""
    if type(definition).__name__ == "Identifier":
        return
    for part in _parts(definition):
        if type(part.args["kind"]).__name__ in HANDLERS:
            given = part.args.get("this")
            add_constraint(draft, table, part.args["kind"], given, definition)
    if draft.vendor == "mysql" and type_name(definition.args.get("kind")) == "SERIAL":
        add_unique(draft, table, None, [definition.this])


def drop_column(draft: Draft, table: Table, name: str) -> None:
    """
    Take a column from a table, with whatever involves it.

    So PostgreSQL's ALTER TABLE, "DROP COLUMN"; MySQL's takes it from its indexes.
    """
    draft.put(
        table,
        columns={
            each: column for each, column in table.columns.items() if each != name
        },
        primary_key=() if name in table.primary_key else table.primary_key,
    )
    for constraint in table.constraints:
        involved = (constraint.key, constraint.condition)
        if name in constraint.columns or any(reads(each, name) for each in involved):
            draft.drop_constraint(table.name, constraint)
            rest = constraint.columns - {name}
            if draft.vendor == "mysql" and constraint.plain and rest:
                shrunk = replace(constraint, columns=rest)
                draft.put_constraint(table.name, shrunk)
    target = (table.name, name)
    draft.redirect(
        lambda to: (
            replace(to, constraint=False, on_delete=None)
            if (to.table, to.column) == target
            else to
        )
    )


def rename_column(draft: Draft, table: Table, old: str, new: str) -> None:
    """Give a column another name, wherever it is named."""

    def renamed(name: str) -> str:
        return new if name == old else name

    draft.put(
        table,
        columns={
            renamed(name): _renamed(column, old, new)
            for name, column in table.columns.items()
        },
        primary_key=tuple(map(renamed, table.primary_key)),
        constraints=frozenset(
            replace(
                each,
                columns=frozenset(map(renamed, each.columns)),
                key=rename_in(each.key, old, new),
                condition=rename_in(each.condition, old, new),
            )
            for each in table.constraints
        ),
    )
    target = (table.name, old)
    draft.redirect(
        lambda to: replace(to, column=new) if (to.table, to.column) == target else to
    )


def _renamed(column: Column, old: str, new: str) -> Column:
    column = replace(column, generated=rename_in(column.generated, old, new))
    if column.name != old:
        return column
    return replace(column, name=new, field=new if column.field == old else column.field)


def _parts(definition: Node) -> list[Node]:
    return list(definition.args.get("constraints") or [])


def _attributes(kind: str, part: Node) -> Attributes:
    if kind in ATTRIBUTES:
        return ATTRIBUTES[kind](part.args["kind"])
    if kind in HANDLERS or kind in HARMLESS:
        return {}
    raise UnreadableError(part)
