"""The schema that a database has, in a form in which two of them compare."""

from __future__ import annotations

import difflib
import pprint
import re
from typing import Any

from django.db import connections

from tests.projects import physical

# A name that Django or the database made up; what is renamed keeps the older one.
MADE_UP = re.compile(r"^__|_[0-9a-f]{8}(_|$)|_p?key$|_not_null$")
DEFINITIONS = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid <> 0 AND contype <> 'n'
"""


def inspect(alias: str) -> dict[str, Any]:
    """Return all there is, whatever the order of the columns."""
    found = {}
    for table, (columns, constraints) in physical(alias).items():
        named = {k: v for k, v in constraints.items() if not MADE_UP.search(k)}
        unnamed = sorted(v for k, v in constraints.items() if k not in named)
        found[table] = {"columns": columns, "named": named, "unnamed": unnamed}
    if connections[alias].vendor == "postgresql":
        found["definitions"] = sorted(rows(alias, DEFINITIONS))
    elif connections[alias].vendor == "sqlite":
        for table in [*found]:
            found[table]["references"] = references(alias, table)
    return found


def references(alias: str, table: str) -> list[tuple[Any, ...]]:
    """Return the foreign keys of a table of SQLite's, with what they do."""
    quoted = connections[alias].ops.quote_name(table)
    return sorted(row[2:] for row in rows(alias, f"PRAGMA foreign_key_list({quoted})"))


def rows(alias: str, sql: str) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def difference(ours: Any, theirs: Any) -> str:
    """Return what differs, nothing if they are the same."""
    if ours == theirs:
        return ""
    left, right = (pprint.pformat(each, width=120) for each in (ours, theirs))
    lines = difflib.unified_diff(
        left.splitlines(), right.splitlines(), "ours", "Django's", n=1, lineterm=""
    )
    return "\n".join(lines)
