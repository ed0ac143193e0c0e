"""Conditions and expressions in SQL, as values that can be compared."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from sqlglot import exp
from sqlglot.expressions import Expression as Node

from syzygy_like.schema import Default, Table
from syzygy_like.schema.sql.draft import Draft

# What makes something else than NULL of a NULL.
NULL_TESTS = {"Coalesce", "Is", "NullSafeEQ", "NullSafeNEQ"}
# Functions of which every call gives another value.
UNIQUE_FUNCTIONS = {
    "gen_random_uuid",
    "nextval",
    "uuid",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuid_generate_v7",
    "uuidv4",
    "uuidv7",
}


def text(node: Node) -> tuple[str, str]:
    """Return a part of a statement as the value ("sql", its normalized text)."""
    return "sql", str(node.sql(identify=True, normalize=True, comments=False))


def read_default(node: Node) -> Default | None:
    """Return the default that an expression stands for, None if it is NULL."""
    bare = node
    while type(bare).__name__ in {"Cast", "Paren"}:
        bare = bare.this
    if type(bare).__name__ == "Null":
        return None
    return Default(text(node), unique=function_name(bare) in UNIQUE_FUNCTIONS)


def function_name(node: Node) -> str:
    """Return the name of the function that is called, "" if none is."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return str(node.sql_name()).lower() if isinstance(node, exp.Func) else ""


def columns_in(draft: Draft, table: Table, *nodes: Node) -> frozenset[str]:
    """Return the table's columns that parts of a statement read."""
    found = (
        draft.column_name(table, each) for node in nodes for each in _names(draft, node)
    )
    return frozenset(name for name in found if name in table.columns)


def _names(draft: Draft, node: Node) -> Iterator[Node]:
    yield from node.find_all(exp.Column)
    for prefix in node.find_all(exp.ColumnPrefix):
        yield prefix.this
    if draft.vendor == "mysql":  # where an index on a(10) looks like a call of a
        for call in node.find_all(exp.Anonymous):
            yield exp.to_identifier(call.name)


def tests_null(node: Node) -> bool:
    """Tell whether a condition asks if something is NULL."""
    return any(type(each).__name__ in NULL_TESTS for each in node.walk())


def rename_in(value: Hashable, old: str, new: str) -> Hashable:
    """
    Return what makes a constraint what it is, with a column renamed in it.

    It is a text of ours, or what schema.expressions.freeze() returns.
    """
    if not isinstance(value, tuple):
        return value
    if len(value) == 2 and value[0] == "sql" and isinstance(value[1], str):
        return "sql", value[1].replace(f'"{old}"', f'"{new}"')
    if len(value) == 2 and value[0] == "F":
        return "F", _rename_path(value[1], old, new)
    if len(value) == 4 and value[0] == "Q":
        return (*value[:3], tuple(_rename_child(each, old, new) for each in value[3]))
    return tuple(rename_in(each, old, new) for each in value)


def reads(value: Hashable, column: str) -> bool:
    """Tell whether what makes a constraint what it is has a column in it."""
    return rename_in(value, column, "") != value


def _rename_child(child: Hashable, old: str, new: str) -> Hashable:
    if isinstance(child, tuple) and len(child) == 2 and isinstance(child[0], str):
        return _rename_path(child[0], old, new), rename_in(child[1], old, new)
    return rename_in(child, old, new)


def _rename_path(path: object, old: str, new: str) -> str:
    name, separator, rest = str(path).partition("__")
    return f"{new if name == old else name}{separator}{rest}"
