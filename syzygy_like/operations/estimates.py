"""How many rows a table has, roughly."""

from __future__ import annotations

from typing import Any

from django.db import connections

# PostgreSQL, "pg_class": -1 as long as nobody has looked.
# MySQL, "The INFORMATION_SCHEMA TABLES Table": an approximation for InnoDB.
KNOWN = {
    "mysql": "SELECT table_rows FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = %s",
    "postgresql": "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)",
}


def estimate(model: Any, alias: str) -> int | None:
    """
    Return about how many rows the table of a model has, None if it is not known.

    It is what the database knows by heart. SQLite, which does not, counts.
    """
    connection = connections[alias]
    if connection.vendor == "sqlite":
        return int(model._base_manager.using(alias).count())
    table = model._meta.db_table
    if connection.vendor == "postgresql":
        table = connection.ops.quote_name(table)
    found = None
    if connection.vendor in KNOWN:
        with connection.cursor() as cursor:
            cursor.execute(KNOWN[connection.vendor], [table])
            found = cursor.fetchone()
    return int(found[0]) if found and found[0] and found[0] > 0 else None
