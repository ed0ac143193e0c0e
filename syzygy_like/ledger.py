"""What a database has beyond Django's own history, while a deploy is under way."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from django.db import connections, models, transaction
from django.utils.timezone import now

from syzygy_like.tables import OfMigration, Table, meta, names_there

TABLE = "syzygy_like_ledger"


class Extent(models.TextChoices):
    """What is carried out of a migration before the roll-out."""

    WHOLE = "whole"
    HALF = "half"
    NOTHING = "nothing"


class Progress(models.TextChoices):
    """How far that is."""

    PLANNED = "planned"
    BEGUN = "begun"
    BUILT = "built"
    FINISHING = "finishing"
    FINISHED = "finished"


def is_there(alias: str) -> bool:
    """Tell whether a deploy is under way on a database."""
    return names_there(connections[alias], TABLE)


class ConcurrentRunError(Exception):
    """Another run has changed an entry meanwhile."""

    def __init__(self, key: tuple[str, str]):
        super().__init__(key)
        self.key = key


@functools.cache
def entry_class() -> Any:
    """Return the model of the table."""

    class Entry(OfMigration, models.Model):  # noqa: DJ008 - which has it
        id = models.BigAutoField(primary_key=True)
        app = models.CharField(max_length=255)
        name = models.CharField(max_length=255)
        extent = models.CharField(max_length=10)
        progress = models.CharField(max_length=10)
        operations = models.IntegerField(default=0)
        digest = models.CharField(max_length=64, default="")
        since = models.DateTimeField(default=now)

        Meta = meta(TABLE, "app", "name")

    return Entry


class Ledger:
    """
    The migrations of the deploy that is under way, in their order.

    It holds all of them, also those that Django has recorded: that is how it is known
    where the deploy began. It is made by the first deploy that needs it, and dropped
    when that is finished.
    """

    def __init__(self, connection: Any):
        self.connection = connection
        self.table = Table(connection, entry_class())

    @property
    def is_there(self) -> bool:
        """Whether a deploy is under way."""
        return self.table.is_there

    def entries(self) -> list[Any]:
        """Return the entries, in order; none if no deploy is under way."""
        if not self.is_there:
            return []
        return list(self.table.rows.order_by("id"))

    def write(
        self, planned: Iterable[tuple[tuple[str, str], Extent]], after: int = 0
    ) -> None:
        """Put what is to be carried out in place of the entries after a number."""
        self.table.make()
        with transaction.atomic(using=self.connection.alias):
            self.table.rows.filter(id__gt=after).delete()
            for (app, name), extent in planned:
                entry = self.table.model(app=app, name=name, extent=extent)
                entry.progress = Progress.PLANNED
                entry.save(using=self.connection.alias)

    def note(self, entry: Any, progress: Progress, operations: int = 0) -> None:
        """Note how far an entry is, and how many operations of the rest are done."""
        entry.progress, entry.operations, entry.since = progress, operations, now()
        entry.save(using=self.connection.alias)

    def claim(self, entry: Any) -> None:
        """
        Take an entry in hand, for the transaction if there is one.

        Raises ConcurrentRunError if it is not any longer as it was read.
        """
        mine = self.table.rows.filter(
            pk=entry.pk, progress=entry.progress, operations=entry.operations
        )
        if not mine.update(since=now()):
            raise ConcurrentRunError(entry.key)

    def close(self) -> None:
        """Drop the table."""
        self.table.drop()
