"""How far a migration is that is in no transaction, in the record."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

from syzygy_like.executor.digests import digest, file_digest, is_same
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import Begun


class ChangedMigrationError(Exception):
    """What is carried out of a migration is not in its file any longer."""

    def __init__(self, key: tuple[str, str], operations: int):
        super().__init__(key, operations)
        self.key = key
        self.operations = operations


class UnfinishedMigrationError(Exception):
    """
    A migration was begun, and this run would go on without ending it.

    ``before`` is the name of what comes before it in its app, None if nobody knows.
    """

    def __init__(self, key: tuple[str, str], backwards: bool, before: str | None):
        super().__init__(key, backwards, before)
        self.key = key
        self.backwards = backwards
        self.before = before


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A run goes on with a migration where an earlier one has ended."""

    migration: Migration
    backwards: bool
    done: int


class Journal:
    """The migrations that were begun and not ended, outside of a deploy."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger

    def entries(self) -> tuple[Begun, ...]:
        """Return what was begun and not ended."""
        return self.ledger.record.begun

    def done(self, migration: Migration, backwards: bool) -> int | None:
        """
        Return how many operations are carried out, None if the migration was not begun.

        Raises ChangedMigrationError and UnfinishedMigrationError.
        """
        key = (migration.app_label, migration.name)
        begun = next((each for each in self.entries() if each.key == key), None)
        if begun is None:
            return None
        if begun.backwards != backwards:
            raise UnfinishedMigrationError(key, begun.backwards, name_before(migration))
        count = begun.operations
        if not is_same(begun, migration, certain(migration, backwards, count)):
            raise ChangedMigrationError(key, count)
        return count

    def noting(self) -> Any:
        """Return a transaction, in which Django's history may be written as well."""
        return transaction.atomic(self.ledger.connection.alias)

    def note(self, migration: Migration, backwards: bool, number: int) -> None:
        """Note how many operations of a migration are carried out."""
        begun = Begun(
            (migration.app_label, migration.name),
            backwards,
            number,
            file_digest(migration),
            digest(certain(migration, backwards, number)),
        )
        self.ledger.write(self.ledger.record.begin(begun))

    def strike(self, migration: Migration) -> None:
        """Take out a migration that has ended, if it is there."""
        record = self.ledger.record
        rest = record.end((migration.app_label, migration.name))
        if rest != record:
            self.ledger.write(rest)


def name_before(migration: Migration) -> str | None:
    """Return the name of a migration of the same app that comes just before one."""
    own = [
        name
        for label, name in migration.dependencies
        if label == migration.app_label and not name.startswith("__")
    ]
    return own[-1] if own else None


def certain(migration: Migration, backwards: bool, count: int) -> list[Operation]:
    """Return the operations that are carried out, but for one that is being undone."""
    return list(migration.operations[: max(count - backwards, 0)])
