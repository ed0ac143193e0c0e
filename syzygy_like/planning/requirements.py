"""What new code needs of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syzygy_like.compatibility import Problem, errors, incompatibilities
from syzygy_like.planning.plan import Key
from syzygy_like.planning.resolver import fold
from syzygy_like.schema import Schema
from syzygy_like.schema.effects import Step
from syzygy_like.schema.tracking import World


class Needs:
    """What new code needs of a database, and which migration brings it."""

    def __init__(self, start: World, steps: Sequence[Step]):
        self.before = start.database
        self.code = fold([step.code for step in steps], start.code)
        final = fold([step.database for step in steps], start.database)
        self.tables = frozenset[str]().union(*(step.tables for step in steps))
        self.unmet = self._problems(final, self.tables)

    def _problems(self, database: Schema, tables: frozenset[str]) -> set[Problem]:
        found = incompatibilities(self.code, database, self.before, only=tables)
        return set(errors(found))

    def passing(
        self, database: Schema, steps: Iterable[Step]
    ) -> dict[Key, tuple[Problem, ...]]:
        """Return by migration what it takes from the new code until a later one."""
        known = self._problems(database, self.tables) | self.unmet
        passing: dict[Key, tuple[Problem, ...]] = {}
        for step in steps:
            database = step.database.apply(database)
            if broken := self._problems(database, step.database.tables) - known:
                passing[step.key] = tuple(sorted(broken, key=repr))
                known |= broken
        return passing

    def breaking(self, database: Schema, steps: Iterable[Step]) -> Key | None:
        """Return the first of some migrations that takes from the new code for good."""
        known = self._problems(database, self.tables) | self.unmet
        brought: dict[Problem, Key] = {}
        for step in steps:
            database = step.database.apply(database)
            found = self._problems(database, self.tables) - known
            brought = {each: brought.get(each, step.key) for each in found}
        return next(iter(brought.values()), None)

    def of(
        self, database: Schema, steps: Iterable[Step]
    ) -> dict[Key, tuple[Problem, ...]]:
        """Return by migration what the new code lacks until it is applied."""
        lacking = self._problems(database, self.tables) - self.unmet
        needed: dict[Key, tuple[Problem, ...]] = {}
        for step in steps:
            if not lacking:
                break
            database = step.database.apply(database)
            tables = step.database.tables
            left = {_place(each) for each in self._problems(database, tables)}
            met = {
                each
                for each in lacking
                if each.table in tables and _place(each) not in left
            }
            if met:
                needed[step.key] = tuple(sorted(met, key=repr))
            lacking -= met
        return needed


def _place(problem: Problem) -> tuple[str, str, str]:
    # What is lacking may become another problem, before it is none.
    detail = "" if problem.column else problem.detail
    return problem.table, problem.column, detail
