"""What statements do to a schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from syzygy_like.schema import Patch, Reference, Schema, Table
from syzygy_like.schema.sql.alter import alter_table, dropped
from syzygy_like.schema.sql.columns import add_column_rules, read_column
from syzygy_like.schema.sql.commands import command
from syzygy_like.schema.sql.constraints import (
    add_rule,
    add_unique,
    drop_rule,
    rule_name,
)
from syzygy_like.schema.sql.draft import Draft, UnreadableError
from syzygy_like.schema.sql.expressions import function_name
from syzygy_like.schema.sql.parsing import parse

COLUMNS = {"ColumnDef", "Identifier"}
# Functions that a query is made for, without a change of the schema.
HARMLESS_FUNCTIONS = {"currval", "nextval", "set_config", "setval"}


def read(sql: Any, schema: Schema, vendor: str) -> Patch:
    """
    Return what the SQL of an operation does to a schema.

    Raise UnreadableError if it can't be told, or whatever sqlglot raises.
    """
    draft = Draft(schema, vendor)
    for statement in parse(sql, vendor):
        kind = type(statement).__name__
        if kind not in STATEMENTS:
            raise UnreadableError(statement)
        STATEMENTS[kind](draft, statement)
    return draft.patch


def _kind(statement: Any) -> str:
    return str(statement.args.get("kind") or "").upper()


def _ignore(draft: Draft, statement: Any) -> None:
    """Leave out what makes no difference to what a query may do."""


def _query(draft: Draft, statement: Any) -> None:
    """Leave out a query, unless it makes a table or calls who knows what."""
    into = statement.args.get("into")
    if into is not None and not into.args.get("temporary"):
        raise UnreadableError(statement)
    for call in statement.find_all(exp.Anonymous):
        name = function_name(call)
        if name not in HARMLESS_FUNCTIONS and not name.startswith("pg_"):
            raise UnreadableError(statement)


def _set(draft: Draft, statement: Any) -> None:
    """Leave out a setting, unless it changes which table a name stands for."""
    if "search_path" in statement.sql().lower():
        raise UnreadableError(statement)


def _pragma(draft: Draft, statement: Any) -> None:
    if "writable_schema" in statement.sql().lower():
        raise UnreadableError(statement)


def _create(draft: Draft, statement: Any) -> None:
    kind = _kind(statement)
    if kind == "TABLE":
        _create_table(draft, statement)
    elif kind == "INDEX":
        _create_index(draft, statement)
    elif kind == "VIEW":
        _view(draft, statement.this)
    elif kind not in {"SCHEMA", "SEQUENCE", "TYPE"}:
        raise UnreadableError(statement)


def _view(draft: Draft, node: Any) -> None:
    if type(node).__name__ == "Schema":
        node = node.this
    if draft.stands_for_table(node):
        raise UnreadableError(node)


def _create_table(draft: Draft, statement: Any) -> None:
    schema = statement.this
    properties = {type(each).__name__ for each in _properties(statement)}
    if "TemporaryProperty" in properties:
        _view(draft, schema)
        return
    name = draft.name(schema)
    if name in draft.tables:
        if statement.args.get("exists") or draft.tables[name].external:
            return
        raise UnreadableError(statement)
    has_all_columns = type(schema).__name__ == "Schema" and schema.expressions
    if not has_all_columns or statement.expression or "InheritsProperty" in properties:
        raise UnreadableError(statement)
    _fill(draft, Table(name, {}), schema.expressions)


def _fill(draft: Draft, table: Table, elements: list[Any]) -> None:
    """Add columns first: constraints may come before what they are about."""
    definitions = [each for each in elements if type(each).__name__ in COLUMNS]
    columns = [read_column(draft, table, each) for each in definitions]
    draft.put(table, columns={column.name: column for column in columns})
    for definition in definitions:
        add_column_rules(draft, table.name, definition)
    for rule in elements:
        if type(rule).__name__ not in COLUMNS:
            add_rule(draft, table.name, rule)


def _properties(statement: Any) -> list[Any]:
    properties = statement.args.get("properties")
    return list(properties.expressions) if properties is not None else []


def _create_index(draft: Draft, statement: Any) -> None:
    index = statement.this
    table = draft.table(index.args["table"])
    if table is None or not statement.args.get("unique"):
        return
    if statement.args.get("exists") and _has_index(draft, index):
        return
    params = index.args["params"]
    where = params.args.get("where")
    condition = where.this if where is not None else None
    elements = params.args["columns"]
    add_unique(draft, table.name, index.args.get("this"), elements, condition)


def _has_index(draft: Draft, index: Any) -> bool:
    name = rule_name(draft, index.this)
    return any(
        constraint.name == name
        for table in draft.tables.values()
        for constraint in table.constraints
    )


def _drop(draft: Draft, statement: Any) -> None:
    kind = _kind(statement)
    cascade = bool(statement.args.get("cascade"))
    if kind == "TABLE":
        _drop_tables(draft, statement, cascade)
    elif kind == "INDEX":
        _drop_indexes(draft, statement)
    elif kind == "VIEW":
        for node in dropped(statement):
            _view(draft, node)
    elif cascade or kind not in {"SEQUENCE", "TYPE"}:
        raise UnreadableError(statement)


def _drop_tables(draft: Draft, statement: Any, cascade: bool) -> None:
    for node in dropped(statement):
        table = draft.table(node)
        if table is None:
            continue
        del draft.tables[table.name]
        if cascade and draft.vendor == "postgresql":  # MySQL ignores the word
            _release(draft, table.name)


def _release(draft: Draft, target: str) -> None:
    """Drop the foreign keys that refer to a table."""
    draft.redirect(
        lambda to: (
            Reference(to.table, to.column, constraint=False)
            if to.table == target
            else to
        )
    )


def _drop_indexes(draft: Draft, statement: Any) -> None:
    owner = statement.args.get("cluster")  # of MySQL's DROP INDEX ... ON
    owner = draft.name(owner.this) if owner is not None else None
    for node in dropped(statement):
        for table in list(draft.tables.values()):
            if owner in (None, table.name):
                drop_rule(draft, table, rule_name(draft, node))


def _alter(draft: Draft, statement: Any) -> None:
    kind = _kind(statement)
    if kind == "TABLE":
        alter_table(draft, statement)
    elif kind == "VIEW":
        for action in statement.args.get("actions") or []:
            _view(draft, action.this)
    elif kind != "INDEX":
        raise UnreadableError(statement)


STATEMENTS: dict[str, Callable[[Draft, Any], None]] = {
    **dict.fromkeys(["Insert", "Update", "Delete", "Merge", "Copy"], _ignore),
    **dict.fromkeys(["TruncateTable", "Values", "Semicolon"], _ignore),
    **dict.fromkeys(["Transaction", "Commit"], _ignore),
    **dict.fromkeys(["Analyze", "Comment", "Grant"], _ignore),
    **dict.fromkeys(["Select", "Union", "Except", "Intersect", "Subquery"], _query),
    "Alter": _alter,
    "Command": command,
    "Create": _create,
    "Drop": _drop,
    "Pragma": _pragma,
    "Set": _set,
}
