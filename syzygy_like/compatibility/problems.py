"""Why code written for one schema cannot run on another one."""

from __future__ import annotations

from collections.abc import Collection

from syzygy_like.compatibility import columns, constraints, tables
from syzygy_like.compatibility.rules import RULES, Comparison, Problem
from syzygy_like.compatibility.tables import with_referring_tables
from syzygy_like.schema import Schema

# Hazards that there are not where a migration is applied in parts.
AVOIDED = {"blocked-delete"}
MODULES = (tables, columns, constraints)  # imported for the rules they register


def incompatibilities(
    code: Schema,
    database: Schema,
    before: Schema | None = None,
    only: Collection[str] | None = None,
) -> list[Problem]:
    """
    Return why code written for one schema cannot run on a database.

    ``before`` is the schema whose rows exist already, by default the database
    itself: a foreign key that it does not have refers to nothing yet. ``only``
    limits the comparison to tables of these names, and to what holds on to their rows
    where the database deletes these by itself. Problems that are hazards do not make a
    query fail of themselves; see ``errors``.
    """
    before = database if before is None else before
    everything = {**code.tables, **database.tables}
    names = (
        everything if only is None else with_referring_tables(sorted(only), database)
    )
    return [
        problem for name in names for problem in _of_table(name, code, database, before)
    ]


def _of_table(
    name: str, code: Schema, database: Schema, before: Schema
) -> list[Problem]:
    mine, theirs = code.tables.get(name), database.tables.get(name)
    if mine is theirs or any(table and table.external for table in (mine, theirs)):
        return []
    comparison = Comparison(mine, theirs, code, database, before)
    return [problem for rule in RULES.values() for problem in rule.check(comparison)]


def errors(problems: Collection[Problem]) -> list[Problem]:
    """Return the problems that make queries fail: all but the hazards."""
    return [problem for problem in problems if not problem.hazard]


def avoidable(problems: Collection[Problem]) -> list[Problem]:
    """Return errors, and the hazards that a migration in parts does not have."""
    return [each for each in problems if not each.hazard or each.rule in AVOIDED]
