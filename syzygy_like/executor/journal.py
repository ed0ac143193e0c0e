"""How far a migration outside of a deploy is: in the record, in Django's history."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator

from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation

from syzygy_like.executor.context import Plan
from syzygy_like.executor.digests import digest, file_digest, is_same
from syzygy_like.executor.errors import ChangedMigrationError, UnfinishedMigrationError
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import Begun
from syzygy_like.executor.resumable import Progress
from syzygy_like.planning.history import Key


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A run resumes a migration where an earlier one was cut off."""

    migration: Migration
    backwards: bool
    done: int


class Journal:
    """
    Notes the migrations that are begun and not finished, outside of a deploy.

    A migration that is finished is recorded in Django's history, in the transaction
    that it has.
    """

    def __init__(self, executor: MigrationExecutor, ledger: Ledger):
        self.executor = executor
        self.ledger = ledger

    def refuse_unfinished(self, plan: Plan) -> None:
        """
        Raise UnfinishedMigrationError if a plan would leave a migration unfinished.

        A migration that this version has no file of belongs to another version: it is
        left alone.
        """
        nodes = self.executor.loader.graph.nodes
        planned = {(each.app_label, each.name, back) for each, back in plan}
        backwards = any(back for *_, back in planned)
        for entry in self.ledger.record.begun:
            is_planned = (*entry.key, entry.backwards) in planned
            is_left = not is_planned and (entry.backwards or backwards)
            if is_left and entry.key in nodes:
                before = name_before(nodes[entry.key])
                raise UnfinishedMigrationError(entry.key, entry.backwards, before)

    def progress(self, migration: Migration, backwards: bool) -> Progress:
        """
        Return how far a migration is that is applied, or unapplied, and notes that.

        Raises ChangedMigrationError and UnfinishedMigrationError.
        """
        if backwards:
            finish = functools.partial(record_unapplied, self.executor)
            return self._progress(migration, True, 0, finish)
        finish = functools.partial(record_applied, self.executor)
        return self._progress(migration, False, len(migration.operations), finish)

    def progress_of_failed(self, migration: Migration) -> Progress:
        """Return how far a migration is that failed, and notes how it is undone."""
        return self._progress(migration, False, 0, lambda key: None)

    def _progress(
        self,
        migration: Migration,
        backwards: bool,
        end: int,
        finish: Callable[[Key], None],
    ) -> Progress:
        """Return a progress whose notes call ``finish`` at the number ``end``."""

        def note(number: int) -> None:
            with transaction.atomic(self.ledger.connection.alias):
                if number == end:
                    self.remove(migration)
                    finish(_key(migration))
                else:
                    self._write(migration, backwards, number)

        done = self._done(migration, backwards)
        known = self.ledger.state()
        # Forget what was noted in a transaction that was rolled back.
        claim = functools.partial(self.ledger.restore, known)
        return Progress(done, claim, note)

    def _done(self, migration: Migration, backwards: bool) -> int | None:
        """Return how many operations are done, None if the migration was not begun."""
        key = _key(migration)
        begun = next(
            (each for each in self.ledger.record.begun if each.key == key), None
        )
        if begun is None:
            return None
        if begun.backwards != backwards:
            raise UnfinishedMigrationError(key, begun.backwards, name_before(migration))
        count = begun.operations
        if not is_same(begun, migration, certain(migration, backwards, count)):
            raise ChangedMigrationError(key, count)
        return count

    def _write(self, migration: Migration, backwards: bool, number: int) -> None:
        begun = Begun(
            _key(migration),
            backwards,
            number,
            file_digest(migration),
            digest(certain(migration, backwards, number)),
        )
        self.ledger.write(self.ledger.record.begin(begun))

    def remove(self, migration: Migration) -> None:
        """Remove a migration that is finished, if it is there."""
        record = self.ledger.record
        rest = record.end(_key(migration))
        if rest != record:
            self.ledger.write(rest)


def record_applied(executor: MigrationExecutor, key: Key) -> None:
    """Put a migration, and those that it replaces, into Django's history."""
    for each in _with_replaced(executor, key):
        executor.recorder.record_applied(*each)


def record_unapplied(executor: MigrationExecutor, key: Key) -> None:
    """Remove a migration, and those that it replaces, from Django's history."""
    for each in _with_replaced(executor, key):
        executor.recorder.record_unapplied(*each)


def _with_replaced(executor: MigrationExecutor, key: Key) -> Iterator[Key]:
    migration = executor.loader.disk_migrations.get(key)
    for each in migration.replaces if migration else ():
        yield from _with_replaced(executor, each)
    yield key


def name_before(migration: Migration) -> str | None:
    """Return the name of a migration of the same app that comes just before one."""
    own = [
        name
        for label, name in migration.dependencies
        if label == migration.app_label and not name.startswith("__")
    ]
    return own[-1] if own else None


def certain(migration: Migration, backwards: bool, count: int) -> list[Operation]:
    """Return the operations that are done, without one that is being undone."""
    return list(migration.operations[: max(count - backwards, 0)])


def _key(migration: Migration) -> Key:
    return migration.app_label, migration.name
