"""The schema that a database has, in a form in which two of them compare."""

from __future__ import annotations

import difflib
import pprint
import re
from typing import Any

from django.db import connections

from syzygy_like.rehearsal.inspection import postgresql, sqlite

# A name that Django or the database made up; what is renamed keeps the older one.
MADE_UP = re.compile(r"^__|_[0-9a-f]{8}(_|$)|_p?key$|_not_null$|_check\d*$")
# What the migrations of a deploy are recorded in, and not what they make.
BOOKKEEPING = ("django_migrations", "syzygy_like_ledger")


def inspect(alias: str) -> dict[str, Any]:
    """Return all there is by table, whatever the order of the columns."""
    read = READERS.get(connections[alias].vendor, physical)
    return {
        table: _arranged(*parts)
        for table, parts in read(alias).items()
        if table not in BOOKKEEPING
    }


def _arranged(columns: dict[str, Any], constraints: dict[str, str]) -> dict[str, Any]:
    # MySQL names what is unique after its first column.
    named = {
        name: text
        for name, text in constraints.items()
        if not MADE_UP.search(name) and re.sub(r"_\d+$", "", name) not in columns
    }
    unnamed = sorted(v for k, v in constraints.items() if k not in named)
    return {"columns": columns, "named": named, "unnamed": unnamed}


def physical(alias: str) -> postgresql.Tables:
    """Return all that introspection tells of the tables, but for Django's own one."""
    connection = connections[alias]
    found = {}
    for table in sorted(connection.introspection.table_names()):
        if table == "django_migrations":
            continue
        with connection.cursor() as cursor:
            described = connection.introspection.get_table_description(cursor, table)
            constraints = connection.introspection.get_constraints(cursor, table)
        columns = {each.name: tuple(each) for each in described}
        found[table] = (columns, {k: str(v) for k, v in constraints.items()})
    return found


def mysql(alias: str) -> postgresql.Tables:
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


READERS = {"postgresql": postgresql.tables, "sqlite": sqlite.tables, "mysql": mysql}


def rows(alias: str, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def difference(
    ours: Any, theirs: Any, our_label: str = "ours", their_label: str = "theirs"
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
