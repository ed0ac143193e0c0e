"""The table of the deploy record, which is updated by compare and swap."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import uuid
from collections.abc import Iterator
from typing import Protocol, cast

from django.db import (
    DatabaseError,
    Error,
    IntegrityError,
    ProgrammingError,
    models,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.timezone import now

from syzygy_like.executor.errors import ConcurrentRunError
from syzygy_like.executor.record import InvalidRecordError, Record, dumps, loads
from syzygy_like.executor.tables import LEDGER, Table, meta
from syzygy_like.planning.database import is_basis

# There is one row.
ROW = 1


class Row(Protocol):
    """The row of the table, as far as it is read."""

    version: str
    record: str


@functools.cache
def row_class() -> type[models.Model]:
    """Return the model of the table."""

    class Row(models.Model):
        id = models.BigAutoField(primary_key=True)
        # A new one with each change, so that no two states are taken for one.
        version = models.CharField(max_length=32)
        record = models.TextField()
        since = models.DateTimeField(default=now)

        Meta = meta(LEDGER)

        def __str__(self) -> str:
            return self.record

    return Row


_at_work: contextvars.ContextVar[dict[str, Ledger]] = contextvars.ContextVar("at_work")


def ledger_of(connection: BaseDatabaseWrapper) -> Ledger:
    """Return the ledger of a database, the one of a run at work there if any is."""
    return _at_work.get({}).get(connection.alias) or Ledger(connection)


class Ledger:
    """
    Keeps the record of a database.

    The table is made when there is first anything to remember, and dropped when there
    is nothing any longer. A change is carried out if the table still is as this run
    last saw it. Raises InvalidRecordError where the table cannot be read.
    """

    def __init__(self, connection: BaseDatabaseWrapper):
        self.connection = connection
        self.table = Table(connection, row_class())
        self._version = ""
        self._record: Record | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is a table, maybe an empty one."""
        return self.table.is_there

    @property
    def record(self) -> Record:
        """The record as this run knows it. Raises InvalidRecordError."""
        if self._record is None:
            row = self._row() if self.is_there else None
            self._record = _read(row.record) if row else Record()
            self._version = row.version if row else ""
        return self._record

    def _row(self) -> Row | None:
        """Return the row, None if there is none. Raises InvalidRecordError."""
        try:
            return cast("Row | None", self.table.rows.filter(pk=ROW).first())
        except DatabaseError as error:
            table = Table(self.connection, row_class())
            if not table.is_there:  # another run has just dropped it
                self.table = table
                return None
            if table.has_columns:
                raise
            raise InvalidRecordError("it has other columns") from error

    def open(self) -> None:
        """Create the table if there is none; this cannot be done in a transaction."""
        self.table.create()

    def write(self, record: Record) -> None:
        """Put a record in place of the known one. Raises ConcurrentRunError."""
        version = self.state()[0]
        new = "" if record.is_empty else uuid.uuid4().hex
        mine = self.table.rows.filter(pk=ROW, version=version)
        with self._noticing():
            if not version:
                self._insert(record, new)
            elif not new:
                self._expect(mine.delete()[0])
            else:
                text = dumps(record)
                self._expect(mine.update(version=new, record=text, since=now()))
        self.restore((new, record))

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """Raise ConcurrentRunError if another run has dropped the table meanwhile."""
        try:
            yield
        except DatabaseError as error:
            # The server cannot be asked in a transaction that has failed.
            is_gone = isinstance(error, ProgrammingError)
            if self.connection.vendor == "sqlite":
                is_gone = not Table(self.connection, row_class()).is_there
            if not is_gone:
                raise
            raise ConcurrentRunError from error

    def _insert(self, record: Record, version: str) -> None:
        if not version:
            return
        row = row_class()(id=ROW, version=version, record=dumps(record))
        try:
            with transaction.atomic(using=self.connection.alias):
                row.save(using=self.connection.alias, force_insert=True)
        except IntegrityError as error:
            raise ConcurrentRunError from error

    def _expect(self, changed: int) -> None:
        if not changed:
            raise ConcurrentRunError

    def state(self) -> tuple[str, Record]:
        """Return what this run knows, to ``restore`` it if a transaction is lost."""
        record = self.record
        return self._version, record

    def restore(self, state: tuple[str, Record]) -> None:
        """Go back to what was known before."""
        self._version, self._record = state

    @property
    def is_outdated(self) -> bool:
        """Whether another run has changed the record; False if nobody can be asked."""
        try:
            row = self._row()
        except (Error, InvalidRecordError):
            return False
        return (row.version if row else "") != self._version

    def forget(self) -> None:
        """Read the record again when it is next asked for."""
        self._record = None

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Give this ledger to runs that a migration of this run starts."""
        token = _at_work.set({**_at_work.get({}), self.connection.alias: self})
        try:
            yield
        finally:
            _at_work.reset(token)

    def close(self) -> None:
        """Drop the table if there is nothing in it."""
        if not self.is_there or not self.record.is_empty:
            return
        # Another run may be faster, or use it: an empty table does no harm.
        with contextlib.suppress(DatabaseError):
            self.table.drop_if_empty()


def _read(text: str) -> Record:
    """Return the record of a text. Raises InvalidRecordError if it has none."""
    record = loads(text)
    if not all(is_basis(each.basis) for each in record.releases):
        raise InvalidRecordError("the basis of a release lacks something")
    return record
