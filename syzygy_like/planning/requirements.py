"""What the new version needs of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syzygy_like.compatibility import Problem, errors, incompatibilities
from syzygy_like.planning.plan import Key
from syzygy_like.planning.resolver import fold
from syzygy_like.schema import Schema
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair


class Requirements:
    """What the new version needs of a database, and which migration provides it."""

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
        """Return by migration what the new version loses until a later migration."""
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
        """Return the first migration that breaks the new version for good, if any."""
        known = self._problems(database, self.tables) | self.unmet
        causes: dict[Problem, Key] = {}
        for tracked in tracked_migrations:
            database = tracked.database.apply(database)
            found = self._problems(database, self.tables) - known
            causes = {each: causes.get(each, tracked.key) for each in found}
        return next(iter(causes.values()), None)

    def lacking(
        self, database: Schema, tracked_migrations: Iterable[TrackedMigration]
    ) -> dict[Key, tuple[Problem, ...]]:
        """Return by migration what the new version lacks until it is applied."""
        unsolved = self._problems(database, self.tables) - self.unmet
        found: dict[Key, tuple[Problem, ...]] = {}
        for tracked in tracked_migrations:
            if not unsolved:
                break
            database = tracked.database.apply(database)
            tables = tracked.database.tables
            left = {_place(each) for each in self._problems(database, tables)}
            solved = {
                each
                for each in unsolved
                if each.table in tables and _place(each) not in left
            }
            if solved:
                found[tracked.key] = tuple(sorted(solved, key=repr))
            unsolved -= solved
        return found


def _place(problem: Problem) -> tuple[str, str, str]:
    # What is lacking may become another problem before it is solved.
    detail = "" if problem.column else problem.detail
    return problem.table, problem.column, detail
