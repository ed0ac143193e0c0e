"""Rules on whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syzygy_like.compatibility.rules import Comparison, Problem, rule
from syzygy_like.schema import Column, Reference, Schema, Table


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
    for column, target, protects in _in_the_way(pair):
        if not protects:
            hazard = not _had(pair, column)
            detail = target.label or target.name
            yield pair.problem("blocked-delete", column, detail=detail, hazard=hazard)


@rule("protected-delete")
def protected_delete(pair: Comparison) -> Iterator[Problem]:
    """
    The code deletes rows, and the database refuses: others protect them by a new
    foreign key that the code does not know (PROTECT, RESTRICT, DO_NOTHING).

    To let the rows go would take away what the code that has the key wants to keep.
    """
    for column, target, protects in _in_the_way(pair):
        if protects:
            detail = target.label or target.name
            yield pair.problem("protected-delete", column, detail=detail, hazard=True)


def _in_the_way(pair: Comparison) -> Iterator[tuple[Column, Table, bool]]:
    """
    Yield the foreign keys that keep the code from deleting, and from what.

    Beside them stands whether they do so to protect it. What rows have been written
    with before there was a code that does not know it must not be in the way at all.
    """
    columns = pair.database.columns.values() if pair.database else ()
    for column in columns:
        reference = column.reference
        if reference is None or _knows(pair, column):
            continue
        holders = _holders(pair, reference)
        target = _deleted(pair, reference.table) if holders else None
        if target is not None:
            protects = all(each.holds for each in holders)
            yield column, target, protects and not _had(pair, column)


def _holders(pair: Comparison, reference: Reference) -> list[Reference]:
    """
    Return what keeps the target of a foreign key: itself, or what holds on to its rows.

    It does not itself if the database deletes its rows along with the target. Then
    others may hold on to these. Those that the code does not know speak for themselves.
    """
    assert pair.database is not None
    if not reference.constraint or reference.on_delete not in (None, "CASCADE"):
        return []
    if not reference.on_delete:
        return [reference]
    return list(_holding(pair.database_schema, pair.database.name, pair.code_schema))


def _holding(schema: Schema, name: str, code: Schema) -> Iterator[Reference]:
    """Yield what code knows to hold on to a table's rows, or to what goes with them."""
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


def _deleted(pair: Comparison, name: str) -> Table | None:
    """Return the table whose rows the code deletes, and with them those of a table."""
    going = [name]
    for gone in going:
        if gone in pair.code_schema.tables:
            return pair.code_schema.tables[gone]
        table = pair.database_schema.tables.get(gone)
        going += [
            each.reference.table
            for each in (table.columns.values() if table else ())
            if each.reference
            and _takes_along(each)
            and each.reference.table not in going
        ]
    return None


def with_holders(names: Iterable[str], schema: Schema) -> list[str]:
    """Return tables, and those that hold on to what goes along with their rows."""
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


def _knows(pair: Comparison, column: Column) -> bool:
    """Tell whether the code sees to the rows that refer before it deletes."""
    return _refers(pair.code, column)


def _had(pair: Comparison, column: Column) -> bool:
    """Tell whether rows that exist already may refer by a foreign key."""
    assert pair.database is not None
    return _refers(pair.before.tables.get(pair.database.name), column)


def _refers(table: Table | None, column: Column) -> bool:
    """Tell whether a table has a foreign key to the same table."""
    known = table.columns.get(column.name) if table else None
    return (
        known is not None
        and known.reference is not None
        and column.reference is not None
        and known.reference.table == column.reference.table
    )
