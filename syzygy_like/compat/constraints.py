"""Rules on constraints."""

from __future__ import annotations

from collections.abc import Iterator

from syzygy_like.compat.problems import Comparison, Problem, rule
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
        if not (_never_read(pair, constraint) or _never_null(pair, constraint)):
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


def _never_read(pair: Comparison, constraint: Constraint) -> bool:
    """
    Tell whether a check reads nothing but columns that the code leaves out.

    They are NULL, of which a check makes no failure (PostgreSQL, "Check
    Constraints"), or a default that the rows which exist had to pass as well.
    """
    columns = constraint.columns
    if not columns or not columns <= pair.unwritten.keys():
        return False
    if any(pair.unwritten[name].generated for name in columns):
        return False  # It may be computed from columns that the code writes.
    return not (constraint.tests_null and _has_null(pair, constraint))


def _never_null(pair: Comparison, constraint: Constraint) -> bool:
    """Tell whether a check asks only for what the code has as NOT NULL anyway."""
    mine = pair.code.columns if pair.code else {}
    return constraint.only_not_null and all(
        name in mine and not mine[name].null for name in constraint.columns
    )


def _name(constraint: Constraint) -> str:
    return constraint.name or ", ".join(sorted(constraint.columns))
