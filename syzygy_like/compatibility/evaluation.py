"""What a check constraint makes of a row of which only some values are known."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Hashable, Mapping
from typing import Any


class Unknown(enum.Enum):
    """A value, or the outcome of a condition, that is not known."""

    ANY = "anything, or NULL"
    NOT_NULL = "anything but NULL"


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, choices: value in choices,
    "range": lambda value, bounds: bounds[0] <= value <= bounds[1],
}


def passes(condition: Any, values: Mapping[str, Any]) -> bool:
    """
    Tell whether a frozen condition surely lets a row pass.

    ``values`` are those of the row's columns: None for NULL, or a member of
    ``Unknown``. A check passes if it gives NULL (PostgreSQL, "Check Constraints").
    """
    return _evaluate(condition, values) in (True, None)


def constant(default: Hashable) -> Any:
    """Return the value of a frozen default, ``Unknown.ANY`` for an expression."""
    if not isinstance(default, tuple):
        return default
    return default[1] if default[:1] == ("Value",) else Unknown.ANY


def _evaluate(node: Any, values: Mapping[str, Any]) -> Any:
    """Return True, False, None for NULL, or ``Unknown.ANY``."""
    if not isinstance(node, tuple) or len(node) not in (2, 4):
        return Unknown.ANY
    if len(node) == 2:
        return _compare(*node, values)
    _, connector, negated, children = node
    outcomes = [_evaluate(child, values) for child in children]
    outcome = _join(connector, outcomes)
    return not outcome if negated and isinstance(outcome, bool) else outcome


def _join(connector: str, outcomes: list[Any]) -> Any:
    """Return what AND or OR makes of outcomes, in the logic of SQL."""
    if connector not in ("AND", "OR"):
        return Unknown.ANY
    decisive = connector == "OR"
    if decisive in outcomes:
        return decisive
    if Unknown.ANY in outcomes:
        return Unknown.ANY
    return None if None in outcomes else not decisive


def _compare(path: Any, other: Any, values: Mapping[str, Any]) -> Any:
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


def _operand(other: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(other, tuple) and other[:1] == ("F",):
        return values.get(other[1], Unknown.ANY)
    if isinstance(other, tuple) and other[:1] == ("Value",):
        return other[1]
    return other
