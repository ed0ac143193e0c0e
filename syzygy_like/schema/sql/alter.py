"""What ALTER TABLE does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot.expressions import Expression as Node

from syzygy_like.schema import Table
from syzygy_like.schema.sql.columns import (
    add_column_constraints,
    drop_column,
    read_column,
    rename_column,
)
from syzygy_like.schema.sql.constraints import add_constraint, drop_constraint, name_of
from syzygy_like.schema.sql.draft import Attributes, Draft, UnreadableError
from syzygy_like.schema.sql.expressions import read_default
from syzygy_like.schema.sql.types import read_type


def alter_table(draft: Draft, statement: Node) -> None:
    """
    Do to the tables what an ALTER TABLE statement does.

    Raise UnreadableError for an action that is not known, or that makes something known
    of what isn't.
    """
    actions = statement.args.get("actions") or []
    kinds = [type(action).__name__ for action in actions]
    table = draft.table(statement.this)
    if table is None:
        if "AlterRename" in kinds:
            raise UnreadableError(statement)
        return
    if kinds == ["AlterRename"]:
        _rename(draft, table, statement)
        return
    for kind, action in zip(kinds, actions, strict=True):
        if kind not in ACTIONS:
            raise UnreadableError(action)
        ACTIONS[kind](draft, draft.tables[table.name], action)


def rename_table(draft: Draft, table: Table, new: str) -> None:
    """Give a table another name, in references to it too."""
    if new in draft.tables:
        raise UnreadableError(new)
    del draft.tables[table.name]
    draft.put(replace(table, name=new))
    draft.redirect(lambda to: replace(to, table=new) if to.table == table.name else to)
    draft.foreign_keys.update(
        {
            (new, name): column
            for (owner, name), column in draft.foreign_keys.items()
            if owner == table.name
        }
    )


def _rename(draft: Draft, table: Table, statement: Node) -> None:
    """Rename a table, or a column where sqlglot takes the optional COLUMN for it."""
    new = statement.args["actions"][0].this
    for option in statement.args.get("options") or []:
        if type(option).__name__ != "ToTableProperty":
            raise UnreadableError(option)
        _rename_column(draft, table, new, option.this)
        return
    rename_table(draft, table, draft.name(new))


def _rename_column(draft: Draft, table: Table, old: Node, new: Node) -> None:
    old_name = draft.column_name(table, old)
    new_name = name_of(draft, new)
    if old_name not in table.columns or new_name in table.columns:
        raise UnreadableError(old)
    rename_column(draft, table, old_name, new_name)


def _rename_column_action(draft: Draft, table: Table, action: Node) -> None:
    _rename_column(draft, table, action.this, action.args["to"])


def _add_column(draft: Draft, table: Table, definition: Node) -> None:
    column = read_column(draft, table, definition)
    if column.name in table.columns:
        if definition.args.get("exists"):
            return
        raise UnreadableError(definition)
    draft.put(table, columns={**table.columns, column.name: column})
    add_column_constraints(draft, table.name, definition)


def _add_columns(draft: Draft, table: Table, action: Node) -> None:
    for definition in action.expressions:
        _add_column(draft, draft.tables[table.name], definition)


def _add_constraint(draft: Draft, table: Table, action: Node) -> None:
    for rule in action.expressions:
        add_constraint(draft, table.name, rule)


def _modify_column(draft: Draft, table: Table, action: Node) -> None:
    """Replace a column's definition, of which MySQL keeps keys and indexes only."""
    definition = action.this
    old = action.args.get("rename_from") or definition
    old_name = draft.column_name(table, old)
    if old_name not in table.columns:
        raise UnreadableError(action)
    if name_of(draft, old) != name_of(draft, definition):
        _rename_column(draft, table, old, definition)
        table = draft.tables[table.name]
    new = read_column(draft, table, definition)
    current = table.columns[new.name]
    kept = replace(
        new,
        null=new.null and new.name not in table.primary_key,
        reference=current.reference,
        field=current.field,
    )
    draft.put(table, columns={**table.columns, new.name: kept})
    add_column_constraints(draft, table.name, definition)


def _alter_column(draft: Draft, table: Table, action: Node) -> None:
    changes = _changes(draft, action)
    draft.put_column(table.name, draft.column_name(table, action.this), **changes)


def _changes(draft: Draft, action: Node) -> Attributes:
    """Return the attributes of a column that ALTER COLUMN changes."""
    given = action.args
    if given.get("dtype") and draft.vendor == "mysql":
        # MODIFY, of which sqlglot before 30 keeps the type and loses the rest.
        raise UnreadableError(action)
    if given.get("dtype"):
        # "if omitted, the collation is the default for the new column type"
        # (PostgreSQL, ALTER TABLE, "SET DATA TYPE"); nothing else changes.
        collation = str(given["collate"].name) if given.get("collate") else None
        type_ = read_type(given["dtype"], draft.vendor)
        return {"type": type_, "collation": collation}
    if given.get("allow_null") is not None:
        return {"null": bool(given["allow_null"])}
    if given.get("default"):
        return {"default": read_default(given["default"])}
    if given.get("drop"):
        # Of a column that numbers itself, it is the default of a serial that goes:
        # PostgreSQL refuses to drop that of an identity column.
        return {"default": None, "auto": False}
    if given.get("comment"):
        return {}
    raise UnreadableError(action)


def _drop(draft: Draft, table: Table, action: Node) -> None:
    kind = str(action.args.get("kind") or "").upper()
    if kind not in {"COLUMN", "CONSTRAINT", "INDEX", "FOREIGN KEY", "CHECK"}:
        raise UnreadableError(action)
    for node in dropped(action):
        current = draft.tables[table.name]
        if kind == "COLUMN":
            name = draft.column_name(current, node)
            if name in current.columns:
                drop_column(draft, current, name)
        else:
            drop_constraint(draft, current, name_of(draft, node))
            replaced = draft.tables[table.name].primary_key != current.primary_key
            if replaced and action.args.get("cascade"):  # foreign keys go with it
                raise UnreadableError(action)


def _drop_primary_key(draft: Draft, table: Table, action: Node) -> None:
    draft.put(table, primary_key=())


def _ignore(draft: Draft, table: Table, action: Node) -> None:
    """Leave out what makes no difference to what a query may do."""


def dropped(node: Node) -> list[Node]:
    """Return the parts that name what a DROP drops: one, before sqlglot 30."""
    return list(node.args.get("tables") or [node.this])


ACTIONS: dict[str, Callable[[Draft, Table, Node], None]] = {
    "AddConstraint": _add_constraint,
    "AlterColumn": _alter_column,
    "AlterSet": _ignore,
    "ColumnDef": _add_column,
    "Drop": _drop,
    "DropPrimaryKey": _drop_primary_key,
    "ModifyColumn": _modify_column,
    "RenameColumn": _rename_column_action,
    "RenameIndex": _ignore,
    "Schema": _add_columns,
}
