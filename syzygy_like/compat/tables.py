"""Rules on whole tables."""

from __future__ import annotations

from collections.abc import Iterator

from syzygy_like.compat.problems import Comparison, Problem, rule
from syzygy_like.schema import Column, Reference, Schema


@rule("missing-table")
def missing_table(pair: Comparison) -> Iterator[Problem]:
    """The code reads and writes a table that the database does not have."""
    if pair.code is not None and pair.database is None:
        yield pair.problem("missing-table")


@rule("missing-column")
def missing_column(pair: Comparison) -> Iterator[Problem]:
    """The code names a column in every query that the database does not have."""
    if pair.code is None or pair.database is None:
        return
    for name, column in pair.code.columns.items():
        if name not in pair.database.columns:
            yield pair.problem("missing-column", column)


@rule("primary-key")
def primary_key(pair: Comparison) -> Iterator[Problem]:
    """The code finds rows by a primary key which is not the database's."""
    if pair.code is None or pair.database is None:
        return
    if set(pair.code.primary_key) != set(pair.database.primary_key):
        detail = ", ".join(pair.database.primary_key) or "none"
        yield pair.problem("primary-key", detail=detail)


@rule("blocked-delete")
def blocked_delete(pair: Comparison) -> Iterator[Problem]:
    """
    The code deletes rows, and the database refuses: others refer to them by a
    foreign key that the code does not know.

    Where the foreign key is new, none of the rows that exist refer to anything
    yet, and this is a hazard.
    """
    if pair.database is None:
        return
    for name, column in pair.database.columns.items():
        reference = column.reference
        if reference is None or not _holds_on(pair, reference):
            continue
        target = pair.code_schema.tables.get(reference.table)
        if target is None or _knows(pair, name, reference):
            continue
        hazard = not _had(pair, name, reference)
        detail = target.label or target.name
        yield pair.problem("blocked-delete", column, detail=detail, hazard=hazard)


def _holds_on(pair: Comparison, reference: Reference) -> bool:
    """
    Tell whether rows that refer keep their target from being deleted.

    If the database deletes them along with it, then others may hold on to them.
    """
    if not reference.constraint or reference.on_delete not in (None, "CASCADE"):
        return False
    assert pair.database is not None
    return not reference.on_delete or _is_held(pair.database_schema, pair.database.name)


def _is_held(schema: Schema, name: str) -> bool:
    """Tell whether rows of a table, or all that go with them, may be held on to."""
    going = [name]
    for gone in going:
        for table in schema.tables.values():
            for reference in table.references_to(gone):
                if not reference.on_delete:
                    return True
                if reference.on_delete == "CASCADE" and table.name not in going:
                    going.append(table.name)
    return False


def _knows(pair: Comparison, name: str, reference: Reference) -> bool:
    """Tell whether the code sees to the rows that refer before it deletes."""
    return _refers(pair.code.columns.get(name) if pair.code else None, reference)


def _had(pair: Comparison, name: str, reference: Reference) -> bool:
    assert pair.database is not None
    table = pair.before.tables.get(pair.database.name)
    return _refers(table.columns.get(name) if table else None, reference)


def _refers(column: Column | None, reference: Reference) -> bool:
    return (
        column is not None
        and column.reference is not None
        and column.reference.table == reference.table
    )
