"""Django's own history, written to as its executor does."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.migrations.executor import MigrationExecutor

from syzygy_like.planning.history import Key


class Recording:
    """Records migrations, and with them those that they replace."""

    def __init__(self, executor: MigrationExecutor):
        self.executor = executor

    def applied(self, key: Key) -> None:
        """Put a migration into the history."""
        for each in self._names(key):
            self.executor.recorder.record_applied(*each)

    def unapplied(self, key: Key) -> None:
        """Take a migration out of the history."""
        for each in self._names(key):
            self.executor.recorder.record_unapplied(*each)

    def _names(self, key: Key) -> Iterator[Key]:
        migration = self.executor.loader.disk_migrations.get(key)
        for each in migration.replaces if migration else ():
            yield from self._names(each)
        yield key
