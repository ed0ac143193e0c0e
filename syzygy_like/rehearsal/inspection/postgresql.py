"""The schema of a PostgreSQL database, as its catalogs have it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db import connections

# PostgreSQL's documentation, "System Catalogs" and "System Catalog Information
# Functions"; that a column is NOT NULL is said of the column, whatever the version.
TABLES = """
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
COLUMNS = f"""
    SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
        CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN ({TABLES})
"""  # noqa: S608 - no value is put in
CONSTRAINTS = f"""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE contype <> 'n' AND conrelid IN ({TABLES})
"""  # noqa: S608
INDEXES = f"""
    SELECT indrelid::regclass::text, indexrelid::regclass::text,
        pg_get_indexdef(indexrelid), indisvalid
    FROM pg_index i WHERE indrelid IN ({TABLES}) AND NOT EXISTS (
        SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
"""  # noqa: S608

Tables = dict[str, tuple[dict[str, Any], dict[str, str]]]


def tables(alias: str) -> Tables:
    """Return by table its columns, and its constraints and indexes, by name."""
    found: Tables = defaultdict(lambda: ({}, {}))
    with connections[alias].cursor() as cursor:
        cursor.execute(COLUMNS)
        for table, name, *rest in cursor.fetchall():
            found[table.strip('"')][0][name] = tuple(rest)
        cursor.execute(CONSTRAINTS)
        for table, name, definition in cursor.fetchall():
            found[table.strip('"')][1][name] = definition
        cursor.execute(INDEXES)
        for table, name, definition, is_valid in cursor.fetchall():
            head, _, rest = definition.partition(" USING ")
            unique = "UNIQUE " if " UNIQUE " in f"{head} " else ""
            text = f"{unique}INDEX USING {rest}{'' if is_valid else ' INVALID'}"
            found[table.strip('"')][1][name.strip('"')] = text
    return dict(found)
