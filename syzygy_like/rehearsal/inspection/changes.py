"""What differs between two databases: tables, and columns of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from syzygy_like.rehearsal.workload.workload import Focus

Inspected = dict[str, Any]


def changes(before: Inspected, after: Inspected, also: Collection[str] = ()) -> Focus:
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
        return set((before or after or {}).get("columns", ()))
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
