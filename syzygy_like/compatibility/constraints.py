"""Rules on constraints."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from syzygy_like.compatibility.rules import Comparison, Problem, rule
from syzygy_like.schema import Constraint, Table


@rule("stricter-unique")
def stricter_unique(comparison: Comparison) -> Iterator[Problem]:
    """The code writes rows that are equal where the database has them unique."""
    for constraint in _unknown(comparison, "unique"):
        if not _always_distinct(comparison, constraint):
            yield comparison.problem("stricter-unique", detail=_name(constraint))


@rule("stricter-check")
def stricter_check(comparison: Comparison) -> Iterator[Problem]:
    """The code writes rows that a check constraint of the database rejects."""
    for constraint in _unknown(comparison, "check"):
        if not _lets_pass(comparison, constraint):
            yield comparison.problem("stricter-check", detail=_name(constraint))


@rule("stricter-exclusion")
def stricter_exclusion(comparison: Comparison) -> Iterator[Problem]:
    """The code writes rows that an exclusion constraint of the database rejects."""
    for constraint in _unknown(comparison, "exclusion"):
        if not _has_null(comparison, constraint):
            yield comparison.problem("stricter-exclusion", detail=_name(constraint))


@rule("unknown-constraint")
def unknown_constraint(comparison: Comparison) -> Iterator[Problem]:
    """The database has a constraint of a class whose meaning is not known."""
    if comparison.database is None:
        return
    kinds = {each.kind for each in comparison.database.constraints}
    for kind in sorted(kinds - {"unique", "check", "exclusion"}):
        for constraint in _unknown(comparison, kind):
            yield comparison.problem("unknown-constraint", detail=_name(constraint))


@rule("missing-unique")
def missing_unique(comparison: Comparison) -> Iterator[Problem]:
    """
    The code may upsert by a unique constraint (bulk_create() with
    update_conflicts) that the database does not have.
    """
    if comparison.code is None or comparison.database is None:
        return
    for constraint in comparison.code.of_kind("unique"):
        if not _implied(comparison.database, constraint):
            detail = _name(constraint)
            yield comparison.problem("missing-unique", detail=detail, hazard=True)


def _unknown(comparison: Comparison, kind: str) -> Iterator[Constraint]:
    """Yield the database's constraints that the code does not keep of itself."""
    if comparison.code is None or comparison.database is None:
        return
    for constraint in comparison.database.of_kind(kind):
        if not _implied(comparison.code, constraint):
            yield constraint


def _implied(table: Table, constraint: Constraint) -> bool:
    if any(each.implies(constraint) for each in table.constraints):
        return True
    key = Constraint("unique", frozenset(table.primary_key))
    return bool(table.primary_key) and key.implies(constraint)


def _has_null(comparison: Comparison, constraint: Constraint) -> bool:
    """Tell whether a column of the constraint is NULL in each row of the code's."""
    unwritten = (comparison.unwritten.get(name) for name in constraint.columns)
    return any(column.starts_null for column in unwritten if column)


def _always_distinct(comparison: Comparison, constraint: Constraint) -> bool:
    if not constraint.plain:
        return False
    for name in constraint.columns:
        column = comparison.unwritten.get(name)
        if column is None:
            continue
        if column.auto or (column.default is not None and column.default.unique):
            return True
    return constraint.nulls_distinct and _has_null(comparison, constraint)


def _lets_pass(comparison: Comparison, constraint: Constraint) -> bool:
    """Tell whether a check surely accepts all rows that the code writes."""
    if constraint.rule is None:  # read from SQL, of which only the columns are known
        columns = [comparison.unwritten.get(name) for name in constraint.columns]
        return not constraint.tests_null and all(
            column is not None and column.starts_null for column in columns
        )
    return passes(constraint.rule, _row(comparison))


def _row(comparison: Comparison) -> dict[str, object]:
    """Return what is known of the values in a row that the code inserts."""
    mine = comparison.code.columns if comparison.code else {}
    row: dict[str, object] = {
        name: Unknown.ANY if column.null else Unknown.NOT_NULL
        for name, column in mine.items()
    }
    for name, column in comparison.unwritten.items():
        if column.starts_null:
            row[name] = None
        elif column.default is not None:
            row[name] = constant(column.default.value)
        else:
            row[name] = Unknown.ANY
    return row


def _name(constraint: Constraint) -> str:
    return constraint.name or ", ".join(sorted(constraint.columns))


class Unknown(enum.Enum):
    """A value, or the outcome of a condition, that is not known."""

    ANY = "anything, or NULL"
    NOT_NULL = "anything but NULL"


COMPARISONS: dict[str, Callable[[Any, Any], object]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, choices: value in choices,
    "range": lambda value, bounds: bounds[0] <= value <= bounds[1],
}


def passes(condition: object, values: Mapping[str, object]) -> bool:
    """
    Tell whether a frozen condition surely lets a row pass.

    ``values`` are those of the row's columns: None for NULL, or a member of
    ``Unknown``. A check passes if it gives NULL (PostgreSQL, "Check Constraints").
    """
    return _evaluate(condition, values) in (True, None)


def constant(default: Hashable) -> object:
    """Return the value of a frozen default, ``Unknown.ANY`` for an expression."""
    if not isinstance(default, tuple):
        return default
    return default[1] if default[:1] == ("Value",) else Unknown.ANY


def _evaluate(node: object, values: Mapping[str, object]) -> object:
    """Return True, False, None for NULL, or ``Unknown.ANY``."""
    if not isinstance(node, tuple) or len(node) not in (2, 4):
        return Unknown.ANY
    if len(node) == 2:
        return _compare(*node, values)
    _, connector, negated, children = node
    outcomes = [_evaluate(child, values) for child in children]
    outcome = _join(connector, outcomes)
    return not outcome if negated and isinstance(outcome, bool) else outcome


def _join(connector: str, outcomes: list[object]) -> object:
    """Return what AND or OR makes of outcomes, in the logic of SQL."""
    if connector not in ("AND", "OR"):
        return Unknown.ANY
    decisive = connector == "OR"
    if decisive in outcomes:
        return decisive
    if Unknown.ANY in outcomes:
        return Unknown.ANY
    return None if None in outcomes else not decisive


def _compare(path: object, other: object, values: Mapping[str, object]) -> object:
    if not isinstance(path, str):
        return Unknown.ANY
    column, _, lookup = path.partition("__")
    left, right = values.get(column, Unknown.ANY), _operand(other, values)
    if lookup == "isnull" or (lookup in ("", "exact") and other is None):
        wanted = other is not False
        return left if left is Unknown.ANY else (left is None) == wanted
    compare = COMPARISONS.get(lookup or "exact")
    if compare is None:
        return Unknown.ANY
    if left is None or right is None:
        return None
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Unknown.ANY
    try:
        return bool(compare(left, right))
    except TypeError:
        return Unknown.ANY


def _operand(other: object, values: Mapping[str, object]) -> object:
    if isinstance(other, tuple) and other[:1] == ("F",):
        return values.get(other[1], Unknown.ANY)
    if isinstance(other, tuple) and other[:1] == ("Value",):
        return other[1]
    return other
