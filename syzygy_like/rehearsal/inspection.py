"""The schema that a database has, in a form in which two of them compare."""

from __future__ import annotations

import difflib
import pprint
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, TypedDict

from django.db import connections

from syzygy_like.rehearsal.workload.workload import Focus

# A name that Django or the database made up; what is renamed keeps the older one.
MADE_UP = re.compile(r"^__|_[0-9a-f]{8}(_|$)|_p?key$|_not_null$|_check\d*$")
# What the migrations of a deploy are recorded in, and not what they make.
BOOKKEEPING = ("django_migrations", "syzygy_like_ledger")

# PostgreSQL's documentation, "System Catalogs" and "System Catalog Information
# Functions"; that a column is NOT NULL is said of the column, whatever the version.
POSTGRESQL_TABLES = """
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
POSTGRESQL_COLUMNS = f"""
    SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
        CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN ({POSTGRESQL_TABLES})
"""  # noqa: S608 - no value is put in
POSTGRESQL_CONSTRAINTS = f"""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE contype <> 'n' AND conrelid IN ({POSTGRESQL_TABLES})
"""  # noqa: S608
POSTGRESQL_INDEXES = f"""
    SELECT indrelid::regclass::text, indexrelid::regclass::text,
        pg_get_indexdef(indexrelid), indisvalid
    FROM pg_index i WHERE indrelid IN ({POSTGRESQL_TABLES}) AND NOT EXISTS (
        SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
"""  # noqa: S608

# SQLite's documentation, "PRAGMA Statements" and "PRAGMA functions".
SQLITE_COLUMNS = """
    SELECT m.name, i.name, i.type, i."notnull", i.dflt_value, i.pk, i.hidden
    FROM sqlite_master m, pragma_table_xinfo(m.name) i WHERE m.type = 'table'
"""
SQLITE_KEYS = """
    SELECT m.name, k."table", k."from", k."to", k.on_update, k.on_delete, k."match"
    FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'
"""
SQLITE_INDEXES = """
    SELECT m.name, l.name, l."unique", x.sql, group_concat(i.name)
    FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) i
    JOIN sqlite_master x ON x.type = 'index' AND x.name = l.name
    WHERE m.type = 'table' GROUP BY m.name, l.name
"""
SQLITE_DEFINITIONS = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"


class Inspected(TypedDict):
    """A table: what each column is, its constraints and indexes by name or without."""

    columns: dict[str, object]
    named: dict[str, str]
    unnamed: list[str]


# The tables by name.
Schema = dict[str, Inspected]
# By table its columns, and its constraints and indexes, by name.
Tables = dict[str, tuple[dict[str, object], dict[str, str]]]


def inspect(alias: str) -> Schema:
    """Return all there is by table, whatever the order of the columns."""
    read = READERS.get(connections[alias].vendor, physical)
    return {
        table: _arrange(*parts)
        for table, parts in read(alias).items()
        if table not in BOOKKEEPING
    }


def _arrange(columns: dict[str, object], constraints: dict[str, str]) -> Inspected:
    # MySQL names what is unique after its first column.
    named = {
        name: text
        for name, text in constraints.items()
        if not MADE_UP.search(name) and re.sub(r"_\d+$", "", name) not in columns
    }
    unnamed = sorted(v for k, v in constraints.items() if k not in named)
    return {"columns": columns, "named": named, "unnamed": unnamed}


def physical(alias: str) -> Tables:
    """Return all that introspection tells of the tables, but for Django's own one."""
    connection = connections[alias]
    found: Tables = {}
    for table in sorted(connection.introspection.table_names()):
        if table == "django_migrations":
            continue
        with connection.cursor() as cursor:
            described = connection.introspection.get_table_description(cursor, table)
            constraints = connection.introspection.get_constraints(cursor, table)
        columns: dict[str, object] = {each.name: tuple(each) for each in described}
        found[table] = (columns, {k: str(v) for k, v in constraints.items()})
    return found


def mysql(alias: str) -> Tables:
    """Return what introspection tells, and the text of the checks."""
    # MariaDB has the table in both views, MySQL in one.
    sql = """
        SELECT table_name, constraint_name, check_clause
        FROM information_schema.table_constraints
        NATURAL JOIN information_schema.check_constraints
        WHERE constraint_schema = DATABASE()
    """
    found = physical(alias)
    for table, name, clause in rows(alias, sql):
        if table in found:
            found[table][1][name] = f"CHECK {clause}"
    return found


def postgresql(alias: str) -> Tables:
    """Return by table its columns, and its constraints and indexes, by name."""
    found: Tables = defaultdict(lambda: ({}, {}))
    with connections[alias].cursor() as cursor:
        cursor.execute(POSTGRESQL_COLUMNS)
        for table, name, *rest in cursor.fetchall():
            found[table.strip('"')][0][name] = tuple(rest)
        cursor.execute(POSTGRESQL_CONSTRAINTS)
        for table, name, definition in cursor.fetchall():
            found[table.strip('"')][1][name] = definition
        cursor.execute(POSTGRESQL_INDEXES)
        for table, name, definition, is_valid in cursor.fetchall():
            head, _, rest = definition.partition(" USING ")
            unique = "UNIQUE " if " UNIQUE " in f"{head} " else ""
            text = f"{unique}INDEX USING {rest}{'' if is_valid else ' INVALID'}"
            found[table.strip('"')][1][name.strip('"')] = text
    return dict(found)


def sqlite(alias: str) -> Tables:
    """Return by table its columns, and its constraints and indexes, by name."""
    found: Tables = defaultdict(lambda: ({}, {}))
    with connections[alias].cursor() as cursor:
        for table, name, *rest in cursor.execute(SQLITE_COLUMNS).fetchall():
            found[table][0][name] = tuple(rest)
        for table, *key in cursor.execute(SQLITE_KEYS).fetchall():
            found[table][1][f"__{key}"] = str(key)
        indexes = cursor.execute(SQLITE_INDEXES).fetchall()
        for table, name, is_unique, sql, names in indexes:
            unique = "UNIQUE " if is_unique else ""
            text = sql.partition(" ON ")[2] if sql else names
            label = name if sql else f"__{names}"
            found[table][1][label] = f"{unique}INDEX {text}"
        for table, definition in cursor.execute(SQLITE_DEFINITIONS).fetchall():
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


READERS = {"postgresql": postgresql, "sqlite": sqlite, "mysql": mysql}


def rows(alias: str, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def difference(
    ours: object, theirs: object, our_label: str = "ours", their_label: str = "theirs"
) -> str:
    """Return what differs, as a diff of the two labels; nothing if they are equal."""
    if ours == theirs:
        return ""
    left, right = (pprint.pformat(each, width=120) for each in (ours, theirs))
    labels = our_label, their_label
    lines = difflib.unified_diff(
        left.splitlines(), right.splitlines(), *labels, n=1, lineterm=""
    )
    return "\n".join(lines)


def changes(before: Schema, after: Schema, also: Collection[str] = ()) -> Focus:
    """
    Return the tables that differ, each with the columns that do; None for all of them.

    ``also`` are names of tables that are known to change, whatever shows of it.
    """
    different = {
        table for table in {*before, *after} if before.get(table) != after.get(table)
    }
    return {
        table: _columns(before.get(table), after.get(table)) or None
        for table in different.union(also)
    }


def _columns(before: Inspected | None, after: Inspected | None) -> set[str]:
    if before is None or after is None:
        only = before or after
        return set(only["columns"]) if only else set()
    names = {*before["columns"], *after["columns"]}
    changed = _constraints(before) ^ _constraints(after)
    return {
        name
        for name in names
        if before["columns"].get(name) != after["columns"].get(name)
        or any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", each) for each in changed)
    }


def _constraints(table: Inspected) -> set[str]:
    return {str(each) for each in (*table["named"].items(), *table["unnamed"])}
