"""Rules on whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syzygy_like.compatibility.rules import Comparison, Problem, rule
from syzygy_like.schema import Column, Reference, Schema, Table


@rule("missing-table")
def missing_table(comparison: Comparison) -> Iterator[Problem]:
    """The code reads and writes a table that the database does not have."""
    if comparison.code is not None and comparison.database is None:
        yield comparison.problem("missing-table")


@rule("missing-column")
def missing_column(comparison: Comparison) -> Iterator[Problem]:
    """The code names a column in every query that the database does not have."""
    if comparison.code is None or comparison.database is None:
        return
    for name, column in comparison.code.columns.items():
        if name not in comparison.database.columns:
            yield comparison.problem("missing-column", column)


@rule("primary-key")
def primary_key(comparison: Comparison) -> Iterator[Problem]:
    """The code finds rows by a primary key which is not the database's."""
    if comparison.code is None or comparison.database is None:
        return
    if set(comparison.code.primary_key) != set(comparison.database.primary_key):
        detail = ", ".join(comparison.database.primary_key) or "none"
        yield comparison.problem("primary-key", detail=detail)


@rule("blocked-delete")
def blocked_delete(comparison: Comparison) -> Iterator[Problem]:
    """
    The code deletes rows, and the database refuses: others refer to them by a
    foreign key that the code does not know.

    Where the foreign key is new, none of the rows that exist refer to anything
    yet, and this is a hazard.
    """
    for column, target, protects in _blocking_references(comparison):
        if not protects:
            hazard = not _had_before(comparison, column)
            detail = target.label or target.name
            yield comparison.problem(
                "blocked-delete", column, detail=detail, hazard=hazard
            )


@rule("protected-delete")
def protected_delete(comparison: Comparison) -> Iterator[Problem]:
    """
    The code deletes rows, and the database refuses: others protect them by a new
    foreign key that the code does not know (PROTECT, RESTRICT, DO_NOTHING).

    Without it rows would be deleted that the version with the foreign key protects.
    """
    for column, target, protects in _blocking_references(comparison):
        if protects:
            detail = target.label or target.name
            yield comparison.problem(
                "protected-delete", column, detail=detail, hazard=True
            )


def _blocking_references(
    comparison: Comparison,
) -> Iterator[tuple[Column, Table, bool]]:
    """
    Yield the foreign keys that keep the code from deleting, and from what.

    The third item tells whether they protect it. A foreign key that existing rows
    already have must not be in the way at all.
    """
    columns = comparison.database.columns.values() if comparison.database else ()
    for column in columns:
        reference = column.reference
        if reference is None or _knows(comparison, column):
            continue
        holders = _protecting_references(comparison, reference)
        target = _deleted(comparison, reference.table) if holders else None
        if target is not None:
            protects = all(each.protects for each in holders)
            yield column, target, protects and not _had_before(comparison, column)


def _protecting_references(
    comparison: Comparison, reference: Reference
) -> list[Reference]:
    """
    Return what protects the target of a foreign key: itself, or what protects its rows.

    It does not protect it if the database deletes its rows along with the target. Then
    others may protect these. Those that the code does not know are found by themselves.
    """
    assert comparison.database is not None
    if not reference.constraint or reference.on_delete not in (None, "CASCADE"):
        return []
    if not reference.on_delete:
        return [reference]
    return list(
        _protecting_along(
            comparison.database_schema, comparison.database.name, comparison.code_schema
        )
    )


def _protecting_along(schema: Schema, name: str, code: Schema) -> Iterator[Reference]:
    """Yield what the code knows to protect a table's rows, or what goes with them."""
    going = [name]
    for gone in going:
        for table in schema.tables.values():
            known = code.tables.get(table.name)
            for column in table.columns.values():
                reference = column.reference
                if reference is None or not reference.enforces(gone):
                    continue
                if reference.on_delete == "CASCADE" and table.name not in going:
                    going.append(table.name)
                if not reference.on_delete and _refers(known, column):
                    yield reference


def _deleted(comparison: Comparison, name: str) -> Table | None:
    """Return the table whose rows the code deletes, and with them those of a table."""
    going = [name]
    for gone in going:
        if gone in comparison.code_schema.tables:
            return comparison.code_schema.tables[gone]
        table = comparison.database_schema.tables.get(gone)
        going += [
            each.reference.table
            for each in (table.columns.values() if table else ())
            if each.reference
            and _takes_along(each)
            and each.reference.table not in going
        ]
    return None


def with_referring_tables(names: Iterable[str], schema: Schema) -> list[str]:
    """Return tables, and those that refer to what is deleted along with their rows."""
    found = list(dict.fromkeys(names))
    for name in found:
        table = schema.tables.get(name)
        columns = table.columns.values() if table else ()
        if any(_takes_along(each) for each in columns):
            found += [
                other.name
                for other in schema.tables.values()
                if other.name not in found and any(other.references_to(name))
            ]
    return found


def _takes_along(column: Column) -> bool:
    """Tell whether the database deletes rows along with those that they refer to."""
    reference = column.reference
    return bool(reference and reference.constraint and reference.on_delete == "CASCADE")


def _knows(comparison: Comparison, column: Column) -> bool:
    """Tell whether the code handles the rows that refer before it deletes."""
    return _refers(comparison.code, column)


def _had_before(comparison: Comparison, column: Column) -> bool:
    """Tell whether rows that exist already may refer by a foreign key."""
    assert comparison.database is not None
    return _refers(comparison.before.tables.get(comparison.database.name), column)


def _refers(table: Table | None, column: Column) -> bool:
    """Tell whether a table has a foreign key to the same table."""
    known = table.columns.get(column.name) if table else None
    return (
        known is not None
        and known.reference is not None
        and column.reference is not None
        and known.reference.table == column.reference.table
    )
