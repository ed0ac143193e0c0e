"""Where a backfill is, in a table that outlives the process."""

from __future__ import annotations

import functools
from typing import Any

from django.db import models
from django.utils.timezone import now

from syzygy_like.executor.tables import Table, meta
from syzygy_like.operations.batches import Batch
from syzygy_like.operations.origins import Origin

TABLE = "syzygy_like_backfill"


@functools.cache
def entry_class() -> Any:
    """Return the model of the table."""

    class Entry(models.Model):
        id = models.BigAutoField(primary_key=True)
        app = models.CharField(max_length=255)
        # A digest of what is done.
        operation = models.CharField(max_length=64)
        model = models.CharField(max_length=255)
        # The primary key up to which all rows are done, NULL if none is.
        done = models.TextField(null=True)  # noqa: DJ001
        # How many were carried out, and how many rows they had, both ways.
        batches = models.BigIntegerField(default=0)
        rows = models.BigIntegerField(default=0)
        since = models.DateTimeField(default=now)
        # Whether it was being undone.
        backwards = models.BooleanField()
        # What tells its application of its migration from others.
        origin = models.TextField()

        Meta = meta(TABLE, "app", "operation")

        def __str__(self) -> str:
            return f"{self.app}.{self.model}: {self.done}"

    return Entry


class BackfillProgress:
    """
    Where a backfill is, in one application of its migration.

    The table is made when the first one begins, and dropped when none is under way.
    """

    def __init__(self, editor: Any, app_label: str, model: Any, operation: str):
        self.editor = editor
        self.table = Table(editor.connection, entry_class())
        self.model = model
        self.app_label = app_label
        self.operation = operation
        self.origin = Origin(editor.connection, app_label, model)
        self.entry: Any = None

    def resume(self) -> bool:
        """
        Read where an earlier run has ended; tell whether this one may go on from there.

        It may not if that was another application of the migration, or of one before.
        """
        return self.read() and self.origin.is_described_by(self.entry.origin)

    @property
    def _mine(self) -> Any:
        return self.table.rows.filter(app=self.app_label, operation=self.operation)

    def read(self) -> bool:
        """Read how far the backfill is; tell whether it is under way."""
        if not self.table.is_there:
            return False
        self.entry = self._mine.first()
        return self.entry is not None

    @property
    def rows(self) -> int:
        """How many rows were gone through."""
        return int(self.entry.rows)

    @property
    def done(self) -> Any:
        """The primary key up to which all rows are done, None if none is."""
        text = self.entry.done
        return None if text is None else self.model._meta.pk.to_python(text)

    def _text(self, key: Any) -> str | None:
        """Return a primary key as Django serializes it."""
        if key is None:
            return None
        return str(self.model._meta.pk.value_to_string(self.model(pk=key)))

    def begin(self, done: Any, backwards: bool) -> None:
        """Note that a backfill is under way, in place of what cannot be resumed."""
        self.table.make(self.editor)
        if self.entry is not None:
            # By its number: another run may have begun anew meanwhile.
            self._mine.filter(pk=self.entry.pk).delete()
        name = self.model._meta.object_name
        defaults = {
            "model": name,
            "done": self._text(done),
            "backwards": backwards,
            "origin": self.origin.describe(),
        }
        self.entry, _ = self.table.rows.get_or_create(
            app=self.app_label, operation=self.operation, defaults=defaults
        )

    def move(self, batch: Batch, backwards: bool) -> bool:
        """
        Note a batch, in the transaction that carries it out.

        False is returned if another run has gone on from here. If it is about to, this
        one waits for it: the entry is locked until the transaction ends.
        """
        mine = self.table.rows.filter(pk=self.entry.pk, batches=self.entry.batches)
        moved = mine.update(
            done=self._text(batch.done),
            batches=self.entry.batches + 1,
            rows=self.entry.rows + batch.size,
            backwards=backwards,
        )
        return bool(moved)

    def remove(self) -> None:
        """Note that a backfill is at its end, if it was begun."""
        if not self.table.is_there:
            return
        self._mine.delete()
        if not self.table.rows.exists():
            self.table.drop(self.editor)
