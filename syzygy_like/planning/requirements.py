"""What new code needs of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syzygy_like.compatibility import Problem, errors, incompatibilities
from syzygy_like.planning.plan import Key
from syzygy_like.planning.resolver import fold
from syzygy_like.schema import Schema
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair


class Requirements:
    """What new code needs of a database, and which migration brings it."""

    def __init__(
        self, start: SchemaPair, tracked_migrations: Sequence[TrackedMigration]
    ):
        self.before = start.database
        self.code = fold([tracked.code for tracked in tracked_migrations], start.code)
        final = fold(
            [tracked.database for tracked in tracked_migrations], start.database
        )
        self.tables = frozenset[str]().union(
            *(tracked.tables for tracked in tracked_migrations)
        )
        self.unmet = self._problems(final, self.tables)

    def _problems(self, database: Schema, tables: frozenset[str]) -> set[Problem]:
        found = incompatibilities(self.code, database, self.before, only=tables)
        return set(errors(found))

    def temporary_breaks(
        self, database: Schema, tracked_migrations: Iterable[TrackedMigration]
    ) -> dict[Key, tuple[Problem, ...]]:
        """Return by migration what it takes from the new code until a later one."""
        known = self._problems(database, self.tables) | self.unmet
        temporary_breaks: dict[Key, tuple[Problem, ...]] = {}
        for tracked in tracked_migrations:
            database = tracked.database.apply(database)
            if broken := self._problems(database, tracked.database.tables) - known:
                temporary_breaks[tracked.key] = tuple(sorted(broken, key=repr))
                known |= broken
        return temporary_breaks

    def breaking(
        self, database: Schema, tracked_migrations: Iterable[TrackedMigration]
    ) -> Key | None:
        """Return the first of some migrations that takes from the new code for good."""
        known = self._problems(database, self.tables) | self.unmet
        brought: dict[Problem, Key] = {}
        for tracked in tracked_migrations:
            database = tracked.database.apply(database)
            found = self._problems(database, self.tables) - known
            brought = {each: brought.get(each, tracked.key) for each in found}
        return next(iter(brought.values()), None)

    def of(
        self, database: Schema, tracked_migrations: Iterable[TrackedMigration]
    ) -> dict[Key, tuple[Problem, ...]]:
        """Return by migration what the new code lacks until it is applied."""
        lacking = self._problems(database, self.tables) - self.unmet
        needed: dict[Key, tuple[Problem, ...]] = {}
        for tracked in tracked_migrations:
            if not lacking:
                break
            database = tracked.database.apply(database)
            tables = tracked.database.tables
            left = {_place(each) for each in self._problems(database, tables)}
            met = {
                each
                for each in lacking
                if each.table in tables and _place(each) not in left
            }
            if met:
                needed[tracked.key] = tuple(sorted(met, key=repr))
            lacking -= met
        return needed


def _place(problem: Problem) -> tuple[str, str, str]:
    # What is lacking may become another problem, before it is none.
    detail = "" if problem.column else problem.detail
    return problem.table, problem.column, detail
