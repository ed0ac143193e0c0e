"""What statements do to a schema."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.expressions import Expression as Node

from syzygy_like.schema import Patch, Reference, Schema, Table
from syzygy_like.schema.sql.alter import alter_table, dropped, rename_table
from syzygy_like.schema.sql.columns import add_column_constraints, read_column
from syzygy_like.schema.sql.constraints import (
    add_constraint,
    add_unique,
    drop_constraint,
    name_of,
)
from syzygy_like.schema.sql.draft import Draft, UnreadableError
from syzygy_like.schema.sql.expressions import function_name
from syzygy_like.schema.sql.parsing import parse

NAME = r"""[\w."`]+"""
# What makes no difference to what a query may do.
HARMLESS_COMMANDS = re.compile(
    "|".join(
        [
            r"(?:ANALYZE|CHECKPOINT|LOCK|OPTIMIZE|REFRESH|REINDEX)\b.*",
            r"(?:RESET|SHOW|UNLOCK|VACUUM)\b.*",
            r"REPLACE\s+INTO\b.*",
            r"SET\s+(?:CONSTRAINTS|LOCAL|SESSION|TRANSACTION)\b.*",
            r"(?:CREATE|DROP)\s+EXTENSION\b(?!.*\bCASCADE\b).*",
            r"CREATE\s+(?:FULLTEXT|SPATIAL)\s+INDEX\b.*",
            r"CREATE\s+(?:COLLATION|DOMAIN|STATISTICS)\b.*",
            r"ALTER\s+SEQUENCE\b.*",
            rf"ALTER\s+TYPE\s+{NAME}\s+(?:ADD|RENAME)\s+VALUE\b.*",
            rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{NAME}\s+(?:"
            rf"VALIDATE\s+CONSTRAINT\s+{NAME}"
            rf"|RENAME\s+CONSTRAINT\s+{NAME}\s+TO\s+{NAME}"
            rf"|ADD\s+CONSTRAINT\s+{NAME}\s+UNIQUE\s+USING\s+INDEX\s+{NAME}"
            rf"|OWNER\s+TO\s+{NAME}"
            rf"|ALTER\s+(?:COLUMN\s+)?{NAME}\s+SET\s+(?:STATISTICS|STORAGE)\s+-?\w+"
            r")",
        ]
    ),
    re.IGNORECASE | re.DOTALL,
)
RENAME = re.compile(
    rf"RENAME\s+TABLE\s+({NAME}\s+TO\s+{NAME}(?:\s*,\s*{NAME}\s+TO\s+{NAME})*)",
    re.IGNORECASE,
)


def command(draft: Draft, statement: Node) -> None:
    """Do to the tables what such a statement does, raise UnreadableError if unknown."""
    text = _text(statement)
    renamed = RENAME.fullmatch(text)
    if renamed and draft.vendor == "mysql":
        for pair in renamed[1].split(","):
            _rename(draft, *re.split(r"\s+TO\s+", pair.strip(), flags=re.IGNORECASE))
    elif not HARMLESS_COMMANDS.fullmatch(text) or "search_path" in text.lower():
        raise UnreadableError(text)


def _text(statement: Node) -> str:
    rest = statement.args.get("expression") or ""
    name = rest if isinstance(rest, str) else rest.name
    return f"{statement.name} {name}".strip()


def _rename(draft: Draft, old: str, new: str) -> None:
    table = draft.table(_identifier(old))
    if table is None:
        raise UnreadableError(old)
    rename_table(draft, table, draft.name(_identifier(new)))


def _identifier(name: str) -> Node:
    return exp.to_identifier(name.rpartition(".")[2].strip('"`'))


COLUMNS = {"ColumnDef", "Identifier"}
# Functions that a query is made for, without a change of the schema.
HARMLESS_FUNCTIONS = {"currval", "nextval", "set_config", "setval"}


def read(sql: object, schema: Schema, vendor: str) -> Patch:
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


def _kind(statement: Node) -> str:
    return str(statement.args.get("kind") or "").upper()


def _ignore(draft: Draft, statement: Node) -> None:
    """Leave out what makes no difference to what a query may do."""


def _query(draft: Draft, statement: Node) -> None:
    """Leave out a query, unless it makes a table or calls who knows what."""
    into = statement.args.get("into")
    if into is not None and not into.args.get("temporary"):
        raise UnreadableError(statement)
    for call in statement.find_all(exp.Anonymous):
        name = function_name(call)
        if name not in HARMLESS_FUNCTIONS and not name.startswith("pg_"):
            raise UnreadableError(statement)


def _set(draft: Draft, statement: Node) -> None:
    """Leave out a setting, unless it changes which table a name stands for."""
    if "search_path" in statement.sql().lower():
        raise UnreadableError(statement)


def _pragma(draft: Draft, statement: Node) -> None:
    if "writable_schema" in statement.sql().lower():
        raise UnreadableError(statement)


def _create(draft: Draft, statement: Node) -> None:
    kind = _kind(statement)
    if kind == "TABLE":
        _create_table(draft, statement)
    elif kind == "INDEX":
        _create_index(draft, statement)
    elif kind == "VIEW":
        _view(draft, statement.this)
    elif kind not in {"SCHEMA", "SEQUENCE", "TYPE"}:
        raise UnreadableError(statement)


def _view(draft: Draft, node: Node) -> None:
    if type(node).__name__ == "Schema":
        node = node.this
    if draft.stands_for_table(node):
        raise UnreadableError(node)


def _create_table(draft: Draft, statement: Node) -> None:
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


def _fill(draft: Draft, table: Table, elements: list[Node]) -> None:
    """Add columns first: constraints may come before what they are about."""
    definitions = [each for each in elements if type(each).__name__ in COLUMNS]
    columns = [read_column(draft, table, each) for each in definitions]
    draft.put(table, columns={column.name: column for column in columns})
    for definition in definitions:
        add_column_constraints(draft, table.name, definition)
    for rule in elements:
        if type(rule).__name__ not in COLUMNS:
            add_constraint(draft, table.name, rule)


def _properties(statement: Node) -> list[Node]:
    properties = statement.args.get("properties")
    return list(properties.expressions) if properties is not None else []


def _create_index(draft: Draft, statement: Node) -> None:
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


def _has_index(draft: Draft, index: Node) -> bool:
    name = name_of(draft, index.this)
    return any(
        constraint.name == name
        for table in draft.tables.values()
        for constraint in table.constraints
    )


def _drop(draft: Draft, statement: Node) -> None:
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


def _drop_tables(draft: Draft, statement: Node, cascade: bool) -> None:
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


def _drop_indexes(draft: Draft, statement: Node) -> None:
    owner = statement.args.get("cluster")  # of MySQL's DROP INDEX ... ON
    owner = draft.name(owner.this) if owner is not None else None
    for node in dropped(statement):
        for table in list(draft.tables.values()):
            if owner in (None, table.name):
                drop_constraint(draft, table, name_of(draft, node))


def _alter(draft: Draft, statement: Node) -> None:
    kind = _kind(statement)
    if kind == "TABLE":
        alter_table(draft, statement)
    elif kind == "VIEW":
        for action in statement.args.get("actions") or []:
            _view(draft, action.this)
    elif kind != "INDEX":
        raise UnreadableError(statement)


STATEMENTS: dict[str, Callable[[Draft, Node], None]] = {
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
