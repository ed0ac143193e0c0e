"""Rules on constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syzygy_like.compatibility.evaluation import Unknown, constant, passes
from syzygy_like.compatibility.rules import Comparison, Problem, rule
from syzygy_like.schema import Constraint, Table


@rule("stricter-unique")
def stricter_unique(pair: Comparison) -> Iterator[Problem]:
    """The code writes rows that are equal where the database has them unique."""
    for constraint in _unknown(pair, "unique"):
        if not _always_distinct(pair, constraint):
            yield pair.problem("stricter-unique", detail=_name(constraint))


@rule("stricter-check")
def stricter_check(pair: Comparison) -> Iterator[Problem]:
    """The code writes rows that a check constraint of the database rejects."""
    for constraint in _unknown(pair, "check"):
        if not _lets_pass(pair, constraint):
            yield pair.problem("stricter-check", detail=_name(constraint))


@rule("stricter-exclusion")
def stricter_exclusion(pair: Comparison) -> Iterator[Problem]:
    """The code writes rows that an exclusion constraint of the database rejects."""
    for constraint in _unknown(pair, "exclusion"):
        if not _has_null(pair, constraint):
            yield pair.problem("stricter-exclusion", detail=_name(constraint))


@rule("unknown-constraint")
def unknown_constraint(pair: Comparison) -> Iterator[Problem]:
    """The database has a constraint of a class whose meaning is not known."""
    if pair.database is None:
        return
    kinds = {each.kind for each in pair.database.constraints}
    for kind in sorted(kinds - {"unique", "check", "exclusion"}):
        for constraint in _unknown(pair, kind):
            yield pair.problem("unknown-constraint", detail=_name(constraint))


@rule("missing-unique")
def missing_unique(pair: Comparison) -> Iterator[Problem]:
    """
    The code may upsert by a unique constraint (bulk_create() with
    update_conflicts) that the database does not have.
    """
    if pair.code is None or pair.database is None:
        return
    for constraint in pair.code.of_kind("unique"):
        if not _implied(pair.database, constraint):
            detail = _name(constraint)
            yield pair.problem("missing-unique", detail=detail, hazard=True)


def _unknown(pair: Comparison, kind: str) -> Iterator[Constraint]:
    """Yield the database's constraints that the code does not keep of itself."""
    if pair.code is None or pair.database is None:
        return
    for constraint in pair.database.of_kind(kind):
        if not _implied(pair.code, constraint):
            yield constraint


def _implied(table: Table, constraint: Constraint) -> bool:
    if any(each.implies(constraint) for each in table.constraints):
        return True
    key = Constraint("unique", frozenset(table.primary_key))
    return bool(table.primary_key) and key.implies(constraint)


def _has_null(pair: Comparison, constraint: Constraint) -> bool:
    """Tell whether a column of the constraint is NULL in each row of the code's."""
    unwritten = (pair.unwritten.get(name) for name in constraint.columns)
    return any(column.starts_null for column in unwritten if column)


def _always_distinct(pair: Comparison, constraint: Constraint) -> bool:
    if not constraint.plain:
        return False
    for name in constraint.columns:
        column = pair.unwritten.get(name)
        if column is None:
            continue
        if column.auto or (column.default is not None and column.default.unique):
            return True
    return constraint.nulls_distinct and _has_null(pair, constraint)


def _lets_pass(pair: Comparison, constraint: Constraint) -> bool:
    """Tell whether a check surely accepts all rows that the code writes."""
    if constraint.rule is None:  # read from SQL, of which only the columns are known
        columns = [pair.unwritten.get(name) for name in constraint.columns]
        return not constraint.tests_null and all(
            column is not None and column.starts_null for column in columns
        )
    return passes(constraint.rule, _row(pair))


def _row(pair: Comparison) -> dict[str, Any]:
    """Return what is known of the values in a row that the code inserts."""
    mine = pair.code.columns if pair.code else {}
    row: dict[str, Any] = {
        name: Unknown.ANY if column.null else Unknown.NOT_NULL
        for name, column in mine.items()
    }
    for name, column in pair.unwritten.items():
        if column.starts_null:
            row[name] = None
        elif column.default is not None:
            row[name] = constant(column.default.value)
        else:
            row[name] = Unknown.ANY
    return row


def _name(constraint: Constraint) -> str:
    return constraint.name or ", ".join(sorted(constraint.columns))
