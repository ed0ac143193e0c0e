"""How far a migration is that is in no transaction, in a table."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import connections, models, transaction
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.ledger import TABLE as LEDGER
from syzygy_like.tables import OfMigration, Table, meta, names_there

TABLE = "syzygy_like_journal"


def is_unfinished(alias: str) -> bool:
    """Tell whether a deploy, or a migration, was begun on a database and not ended."""
    return names_there(connections[alias], LEDGER, TABLE)


class ChangedMigrationError(Exception):
    """What is carried out of a migration is not in its file any longer."""

    def __init__(self, key: tuple[str, str], operations: int):
        super().__init__(key, operations)
        self.key = key
        self.operations = operations


class UnfinishedMigrationError(Exception):
    """A migration was begun, and this run would go on without ending it."""

    def __init__(self, key: tuple[str, str], backwards: bool):
        super().__init__(key, backwards)
        self.key = key
        self.backwards = backwards


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A run goes on with a migration where an earlier one has ended."""

    migration: Migration
    backwards: bool
    done: int


@functools.cache
def entry_class() -> Any:
    """Return the model of the table."""

    class Entry(OfMigration, models.Model):  # noqa: DJ008 - which has it
        id = models.BigAutoField(primary_key=True)
        app = models.CharField(max_length=255)
        name = models.CharField(max_length=255)
        backwards = models.BooleanField()
        # How many are carried out, and a digest of these.
        operations = models.IntegerField()
        digest = models.CharField(max_length=64)

        Meta = meta(TABLE, "app", "name")

    return Entry


class Journal:
    """
    The migrations that were begun and not ended.

    The table is made when the first of them begins, and dropped when all have ended.
    """

    def __init__(self, connection: Any):
        self.table = Table(connection, entry_class())

    def entries(self) -> list[Any]:
        """Return what was begun and not ended."""
        return list(self.table.rows.order_by("id")) if self.table.is_there else []

    def done(self, migration: Migration, backwards: bool) -> int | None:
        """
        Return how many operations are carried out, None if the migration was not begun.

        Raises ChangedMigrationError and UnfinishedMigrationError.
        """
        key = (migration.app_label, migration.name)
        entry = next((each for each in self.entries() if each.key == key), None)
        if entry is None:
            return None
        if entry.backwards != backwards:
            raise UnfinishedMigrationError(key, entry.backwards)
        count: int = entry.operations
        if entry.digest != digest(certain(migration, backwards, count)):
            raise ChangedMigrationError(key, count)
        return count

    def open(self) -> None:
        """Make the table if there is none."""
        self.table.make()

    def noting(self) -> Any:
        """Return a transaction, in which Django's history may be written as well."""
        return transaction.atomic(self.table.connection.alias)

    def note(self, migration: Migration, backwards: bool, number: int) -> None:
        """Note how many operations of a migration are carried out."""
        self.table.rows.update_or_create(
            app=migration.app_label,
            name=migration.name,
            defaults={
                "backwards": backwards,
                "operations": number,
                "digest": digest(certain(migration, backwards, number)),
            },
        )

    def strike(self, migration: Migration) -> None:
        """Take out a migration that has ended, if it is there."""
        if self.table.is_there:
            mine = {"app": migration.app_label, "name": migration.name}
            self.table.rows.filter(**mine).delete()

    def close(self) -> None:
        """Drop the table if there is nothing in it."""
        if self.table.is_there and not self.table.rows.exists():
            self.table.drop()


def certain(migration: Migration, backwards: bool, count: int) -> list[Operation]:
    """Return the operations that are carried out, but for one that is being undone."""
    return list(migration.operations[: max(count - backwards, 0)])


def digest(operations: Iterable[Operation]) -> str:
    """Return what tells these operations from others."""
    texts = []
    for operation in operations:
        try:
            text = OperationWriter(operation, indentation=0).serialize()[0]
        except Exception:  # it has what Django cannot write, such as a lambda
            text = operation.describe()
        texts.append(text)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
