"""The graph of a database of which it is known what it has recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.migrations.loader import MigrationLoader

from syzygy_like.planning.history import Key, loading


class RecordedLoader(MigrationLoader):
    """A loader as that of a database in which certain migrations are recorded."""

    def __init__(self, recorded: Iterable[Key] = ()):
        self.recorded = frozenset(recorded)
        super().__init__(None)

    @property
    def applied_migrations(self) -> dict[Key, Any]:
        """What is applied, by what is recorded and what that makes of squashes."""
        return self._applied

    @applied_migrations.setter
    def applied_migrations(self, value: object) -> None:
        # Django sets it to nothing where there is no database to ask.
        self._applied: dict[Key, Any] = dict.fromkeys(self.recorded)

    def names(self, key: Key) -> set[Key]:
        """
        Return what Django records for a migration: with it, those it replaces.

        So does ``MigrationExecutor.record_migration``.
        """
        migration = self.disk_migrations.get(key)
        replaced = migration.replaces if migration else ()
        return {key}.union(*(self.names(each) for each in replaced))

    def standing(self, key: Key) -> Key:
        """Return what stands for a migration in the graph: itself, or a squash."""
        if key in self.graph.nodes:
            return key
        squashes: set[Key] = self.replacements.keys() & self.graph.nodes.keys()
        return next(each for each in squashes if key in self.names(each))

    def names_of_app(self, label: str) -> set[Key]:
        """Return what Django records for an app at its end."""
        keys = [key for key in self.disk_migrations if key[0] == label]
        return set().union(*(self.names(key) for key in keys))

    def missing(self) -> set[Key]:
        """Return what applied migrations depend on that is not applied."""
        nodes, applied = self.graph.node_map, self.applied_migrations
        found: set[Key] = set()
        stack = [key for key in applied if key in nodes]
        while stack:
            parents = {parent.key for parent in nodes[stack.pop()].parents}
            new = parents - applied.keys() - found
            found |= new
            stack.extend(new)
        return found

    def without_file(self) -> set[Key]:
        """Return what is recorded and no file speaks of."""
        known = (self.names(key) for key in self.disk_migrations)
        return set(self.recorded).difference(*known)


def load(recorded: Iterable[Key] = ()) -> RecordedLoader:
    """Return such a loader. Raises UnloadableError."""
    with loading():
        return RecordedLoader(recorded)
