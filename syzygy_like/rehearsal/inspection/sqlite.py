"""The schema of an SQLite database, as its pragmas have it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from django.db import connections

from syzygy_like.rehearsal.inspection.postgresql import Tables

# SQLite's documentation, "PRAGMA Statements" and "PRAGMA functions".
COLUMNS = """
    SELECT m.name, i.name, i.type, i."notnull", i.dflt_value, i.pk, i.hidden
    FROM sqlite_master m, pragma_table_xinfo(m.name) i WHERE m.type = 'table'
"""
KEYS = """
    SELECT m.name, k."table", k."from", k."to", k.on_update, k.on_delete, k."match"
    FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'
"""
INDEXES = """
    SELECT m.name, l.name, l."unique", x.sql, group_concat(i.name)
    FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) i
    JOIN sqlite_master x ON x.type = 'index' AND x.name = l.name
    WHERE m.type = 'table' GROUP BY m.name, l.name
"""
DEFINITIONS = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"


def tables(alias: str) -> Tables:
    """Return by table its columns, and its constraints and indexes, by name."""
    found: Tables = defaultdict(lambda: ({}, {}))
    with connections[alias].cursor() as cursor:
        for table, name, *rest in cursor.execute(COLUMNS).fetchall():
            found[table][0][name] = tuple(rest)
        for table, *key in cursor.execute(KEYS).fetchall():
            found[table][1][f"__{key}"] = str(key)
        for table, name, is_unique, sql, names in cursor.execute(INDEXES).fetchall():
            unique = "UNIQUE " if is_unique else ""
            text = sql.partition(" ON ")[2] if sql else names
            label = name if sql else f"__{names}"
            found[table][1][label] = f"{unique}INDEX {text}"
        for table, definition in cursor.execute(DEFINITIONS).fetchall():
            for name, check in checks(definition):
                found[table][1][name] = check
            for name, collation in collations(definition):
                found[table][1][f"__collation {name}"] = f"{name} {collation}"
    found.pop("sqlite_sequence", None)
    return dict(found)


def checks(definition: str) -> Iterator[tuple[str, str]]:
    """Yield the checks in a definition of a table, each with its name if it has one."""
    for match in re.finditer(r'(?:CONSTRAINT "([^"]+)" )?CHECK \(', definition):
        depth, start = 0, match.end() - 1
        for end, sign in enumerate(definition[start:], start + 1):
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if depth == 0:
                text = f"CHECK {definition[start:end]}"
                yield match[1] or f"__{text}", text
                break


def collations(definition: str) -> Iterator[tuple[str, str]]:
    """Yield the columns that have a collation of their own, as Django writes them."""
    yield from re.findall(r'"([^"]+)" [^",]* COLLATE "?(\w+)', definition)
