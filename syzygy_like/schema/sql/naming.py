"""Names in SQL, and those that databases and Django make up for constraints."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from django.db.backends.utils import names_digest

from syzygy_like.schema import Constraint, Table

# What may be around a column without making an expression of it.
WRAPPERS = {"Column", "ColumnDef", "Opclass", "Ordered", "Schema", "Table"}
# More columns in other orders would be too many names to try.
MAX_ORDERED = 5


def identifier(node: Any) -> Any:
    """Return the identifier that a part of a statement is, None if it is more."""
    while type(node).__name__ in WRAPPERS:
        node = node.this
    return node if type(node).__name__ == "Identifier" else None


def spelled(node: Any, vendor: str, known: Iterable[str] = ()) -> str:
    """
    Return the name that a part of a statement stands for.

    PostgreSQL folds names without quotes to lower case ("Identifiers and Key
    Words"); elsewhere case makes no difference, so it is spelled as it is known.
    """
    found = identifier(node)
    name = str(found.name)
    if vendor == "postgresql":
        return name if found.args.get("quoted") else name.lower()
    candidates = list(known)
    if name in candidates:
        return name
    folded = name.casefold()
    return next((each for each in candidates if each.casefold() == folded), name)


def is_named(constraint: Constraint, table: Table, name: str) -> bool:
    """Tell whether a constraint has a name, be it one that was made up for it."""
    if constraint.name:
        return constraint.name == name
    if constraint.kind == "check":
        columns = "_".join(constraint.columns) if len(constraint.columns) == 1 else ""
        return name == "_".join(filter(None, [table.name, columns, "check"]))
    return constraint.plain and _is_unique_name(constraint, table, name)


def _is_unique_name(constraint: Constraint, table: Table, name: str) -> bool:
    """Tell so by Django's _create_index_name(), PostgreSQL's and MySQL's own names."""
    if len(constraint.columns) > MAX_ORDERED:
        return False
    for columns in itertools.permutations(constraint.columns):
        stem = "_".join([table.name, *columns])
        if name in (f"{stem}_key", f"{stem}_idx", columns[0]):
            return True
        if name.endswith(names_digest(table.name, *columns, length=8) + "_uniq"):
            return True
    return False


def foreign_key_column(table: Table, name: str) -> str | None:
    """
    Return the column of the foreign key that a made-up name belongs to.

    Django's name has a digest of the table as it was called at that time, so the
    target is looked at too.
    """
    enforced = {
        column.name: column.reference
        for column in table.columns.values()
        if column.reference is not None and column.reference.constraint
    }
    for column in enforced:
        digest = names_digest(table.name, column, length=8)
        if f"_{digest}_fk" in name or name == f"{table.name}_{column}_fkey":
            return column
    targets = [
        column
        for column, reference in enforced.items()
        if name.endswith(f"_fk_{reference.table}_{reference.column}")
    ]
    return targets[0] if len(targets) == 1 else None
