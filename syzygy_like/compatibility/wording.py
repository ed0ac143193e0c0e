"""The text of problems: what a version does that fails on a database."""

from __future__ import annotations

from collections.abc import Iterable

from syzygy_like.compatibility import Problem

OLD, NEW = "the old version", "the new version"

# What a version does that fails on the database, by rule; what says most first.
_CLAUSES = {
    "missing-table": "reads and writes it",
    "missing-column": "reads and writes it",
    "primary-key": "finds rows by another primary key than ({detail})",
    "blocked-delete": "cannot delete rows of {detail} to which its rows refer",
    "protected-delete": (
        "cannot delete rows of {detail} that rows of the other version protect"
    ),
    "required-column": "leaves it out of INSERT: it is NOT NULL and has no db_default",
    "null-rejected": "writes NULL to it",
    "null-read": "may read NULL from it",
    "missing-default": "leaves its value to a db_default that is not there",
    "missing-sequence": "leaves its value to the database, which does not number rows",
    "generated-column": "writes it, but the database generates it",
    "computed-column": "may write rows for which it cannot be computed",
    "other-type": "expects another type of column ({detail})",
    "narrower-type": "writes values that do not fit ({detail})",
    "other-collation": "does not expect its collation ({detail})",
    "foreign-key": "writes values that a foreign key to {detail} rejects",
    "missing-cascade": "leaves ON DELETE {detail} to the database, which refuses",
    "stricter-unique": "may write rows that are not unique ({detail})",
    "stricter-check": "may write rows that a check rejects ({detail})",
    "stricter-exclusion": "may write rows that an exclusion rejects ({detail})",
    "unknown-constraint": "may write rows that a constraint rejects ({detail})",
    "missing-unique": "may upsert by a unique constraint that is not there ({detail})",
}


def clause(problem: Problem, code: str) -> str:
    """Return what a version does: "the old version writes NULL to it"."""
    return f"{code} {_CLAUSES[problem.rule].format(detail=problem.detail)}"


def most_telling(problems: Iterable[Problem]) -> Problem:
    """Return the problem that says most about what is wrong."""
    order = list(_CLAUSES)
    return min(problems, key=lambda problem: order.index(problem.rule))


def sentence(problem: Problem, code: str) -> str:
    """Return a problem with its subject: "Order.price: the old version..."."""
    return f"{_short(problem.subject)}: {clause(problem, code)} [{problem.rule}]"


def sentences(problems: Iterable[Problem], code: str) -> list[str]:
    """Return each problem with its subject, in order, none of them twice."""
    return list(dict.fromkeys(sentence(problem, code) for problem in problems))


def _short(subject: str) -> str:
    """Return a subject without its app label, which its surroundings give."""
    return subject.partition(".")[2] or subject
