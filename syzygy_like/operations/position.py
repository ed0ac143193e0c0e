"""How far a backfill has come, in a table that outlives the process."""

from __future__ import annotations

import functools
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils.timezone import now

from syzygy_like.executor.tables import Table, meta
from syzygy_like.operations.batches import Batch, Key
from syzygy_like.operations.origins import Origin

TABLE = "syzygy_like_backfill"


@functools.cache
def row_class() -> Any:
    """Return the model of the table."""

    class Row(models.Model):
        id = models.BigAutoField(primary_key=True)
        app = models.CharField(max_length=255)
        # A digest of what is done.
        operation = models.CharField(max_length=64)
        model = models.CharField(max_length=255)
        # The primary key up to which all rows are done, NULL if none is.
        done = models.TextField(null=True)  # noqa: DJ001
        # How many batches were carried out and how many rows they had, both ways.
        batches = models.BigIntegerField(default=0)
        rows = models.BigIntegerField(default=0)
        since = models.DateTimeField(default=now)
        # Whether it was being undone.
        backwards = models.BooleanField()
        # What distinguishes this application of the migration from others.
        origin = models.TextField()

        Meta = meta(TABLE, "app", "operation")

        def __str__(self) -> str:
            return f"{self.app}.{self.model}: {self.done}"

    return Row


class BackfillProgress:
    """
    How far a backfill has come, in one application of its migration.

    The table is created when the first one begins, and dropped when none is under way.
    """

    def __init__(
        self,
        editor: BaseDatabaseSchemaEditor,
        app_label: str,
        model: type[models.Model],
        operation: str,
    ):
        self.editor = editor
        self.table = Table(editor.connection, row_class())
        self.model = model
        self.app_label = app_label
        self.operation = operation
        self.origin = Origin(editor.connection, app_label, model)
        self.row: Any = None

    def resume(self) -> bool:
        """
        Read where an earlier run has stopped; tell whether this one may continue there.

        It may not if that was another application of the migration, or of one before.
        """
        return self.read() and self.origin.is_described_by(self.row.origin)

    @property
    def _rows(self) -> models.QuerySet[models.Model]:
        found: models.QuerySet[models.Model] = self.table.rows.filter(
            app=self.app_label, operation=self.operation
        )
        return found

    def read(self) -> bool:
        """Read how far the backfill is; tell whether it is under way."""
        if not self.table.is_there:
            return False
        self.row = self._rows.first()
        return self.row is not None

    @property
    def backwards(self) -> bool:
        """Whether the run that was read was undoing the backfill."""
        return bool(self.row.backwards)

    @property
    def pk(self) -> models.Field[Any, Any]:
        """The primary key of the model."""
        return self.model._meta.pk

    @property
    def rows(self) -> int:
        """How many rows were gone through."""
        return int(self.row.rows)

    @property
    def done(self) -> Key:
        """The primary key up to which all rows are done, None if none is."""
        text = self.row.done
        return None if text is None else self.pk.to_python(text)

    def _text(self, key: Key) -> str | None:
        """Return a primary key as Django serializes it."""
        if key is None:
            return None
        return str(self.pk.value_to_string(self.model(pk=key)))

    def begin(self, done: Key, backwards: bool) -> None:
        """Note that a backfill is under way, instead of one that cannot be resumed."""
        self.table.create(self.editor)
        if self.row is not None:
            # By its number: another run may have begun again meanwhile.
            self._rows.filter(pk=self.row.pk).delete()
        name = self.model._meta.object_name
        defaults = {
            "model": name,
            "done": self._text(done),
            "backwards": backwards,
            "origin": self.origin.describe(),
        }
        self.row, _ = self.table.rows.get_or_create(
            app=self.app_label, operation=self.operation, defaults=defaults
        )

    def move(self, batch: Batch, backwards: bool) -> bool:
        """
        Note a batch, in the transaction that carries it out.

        Return False if another run has continued from here. If one is about to, this
        one waits for it: the row is locked until the transaction ends.
        """
        mine = self.table.rows.filter(pk=self.row.pk, batches=self.row.batches)
        moved = mine.update(
            done=self._text(batch.done),
            batches=self.row.batches + 1,
            rows=self.row.rows + batch.size,
            backwards=backwards,
        )
        return bool(moved)

    def remove(self) -> None:
        """Note that a backfill has ended, if it was begun."""
        if not self.table.is_there:
            return
        self._rows.delete()
        if not self.table.rows.exists():
            self.table.drop(self.editor)
