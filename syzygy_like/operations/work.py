"""What a backfill does to the rows of a batch: an update, a function or SQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

from django.db import connections
from django.db.models import CompositePrimaryKey, Model, QuerySet

from syzygy_like.operations.arguments import CompositeKeyError, Given
from syzygy_like.operations.batches import Batch


class Work(Protocol):
    """
    Something that is done to the rows of a queryset.

    ``check`` raises what Django raises for fields that are not there, or
    NotSupportedError for what the model does not allow; it changes nothing.
    """

    def check(self, rows: QuerySet[Model]) -> None: ...

    def carry_out(self, rows: QuerySet[Model], batch: Batch) -> None: ...


@dataclasses.dataclass(frozen=True)
class Update:
    """Sets fields to values or expressions, as QuerySet.update() does."""

    values: Mapping[str, object]

    def check(self, rows: QuerySet[Model]) -> None:
        rows.none().update(**self.values)

    def carry_out(self, rows: QuerySet[Model], batch: Batch) -> None:
        rows.update(**self.values)


@dataclasses.dataclass(frozen=True)
class Call:
    """Calls a function with the rows."""

    function: Callable[[QuerySet[Model]], object]

    def check(self, rows: QuerySet[Model]) -> None:
        """Check nothing: a function may do anything, even with no rows."""

    def carry_out(self, rows: QuerySet[Model], batch: Batch) -> None:
        self.function(rows)


@dataclasses.dataclass(frozen=True)
class SQL:
    """Executes a statement, whose parameters say which rows it changes."""

    statement: str

    def check(self, rows: QuerySet[Model]) -> None:
        if isinstance(rows.model._meta.pk, CompositePrimaryKey):
            raise CompositeKeyError(rows.model._meta.label)

    def carry_out(self, rows: QuerySet[Model], batch: Batch) -> None:
        connection = connections[rows.db]
        key = rows.model._meta.pk
        ends = {"first": batch.first, "last": batch.last}
        parameters = {
            name: key.get_db_prep_value(value, connection)
            for name, value in ends.items()
        }
        with connection.cursor() as cursor:
            cursor.execute(self.statement, parameters)


def as_work(given: Given) -> Work:
    """Return what an argument of a backfill says is to be done."""
    if isinstance(given, Mapping):
        return Update(given)
    return SQL(given) if isinstance(given, str) else Call(given)
