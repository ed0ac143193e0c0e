"""How far a migration is that is in no transaction, in a table."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from typing import Any

from django.apps.registry import Apps
from django.db import DatabaseError, connections, models
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.ledger import TABLE as LEDGER

TABLE = "syzygy_like_journal"


def is_unfinished(alias: str) -> bool:
    """Tell whether a deploy, or a migration, was begun on a database and not ended."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    return not {LEDGER, TABLE}.isdisjoint(tables)


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
    """Return the model of the table, which is in no app: nobody migrates it."""

    class Entry(models.Model):
        id = models.BigAutoField(primary_key=True)
        app = models.CharField(max_length=255)
        name = models.CharField(max_length=255)
        backwards = models.BooleanField()
        # How many are carried out, and a digest of these.
        operations = models.IntegerField()
        digest = models.CharField(max_length=64)

        class Meta:
            apps = Apps()
            app_label = "syzygy_like"
            db_table = TABLE
            unique_together = [("app", "name")]

        def __str__(self) -> str:
            return f"{self.app}.{self.name}: {self.operations}"

        @property
        def key(self) -> tuple[str, str]:
            return self.app, self.name

    return Entry


class Journal:
    """
    The migrations that were begun and not ended.

    The table is made when the first of them begins, and dropped when all have ended.
    """

    def __init__(self, connection: Any):
        self.connection = connection
        self.model = entry_class()

    @functools.cached_property
    def is_there(self) -> bool:
        """Whether there is such a table."""
        with self.connection.cursor() as cursor:
            return TABLE in self.connection.introspection.table_names(cursor)

    @property
    def _rows(self) -> Any:
        return self.model.objects.using(self.connection.alias)

    def entries(self) -> list[Any]:
        """Return what was begun and not ended."""
        return list(self._rows.order_by("id")) if self.is_there else []

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
        if self.is_there:
            return
        try:
            with self.connection.schema_editor() as editor:
                editor.create_model(self.model)
        except DatabaseError:  # another run may have been faster
            if TABLE not in self.connection.introspection.table_names():
                raise
        self.is_there = True

    def note(self, migration: Migration, backwards: bool, number: int) -> None:
        """Note how many operations of a migration are carried out."""
        self._rows.update_or_create(
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
        if self.is_there:
            self._rows.filter(app=migration.app_label, name=migration.name).delete()

    def close(self) -> None:
        """Drop the table if there is nothing in it."""
        if self.is_there and not self._rows.exists():
            with self.connection.schema_editor() as editor:
                editor.delete_model(self.model)
            self.is_there = False


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
