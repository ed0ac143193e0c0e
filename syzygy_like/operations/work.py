"""What a backfill does to the rows of a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from django.db import connections
from django.db.models import CompositePrimaryKey

from syzygy_like.operations.arguments import Given
from syzygy_like.operations.batches import Batch
from syzygy_like.operations.errors import CompositeKeyError


class Work(Protocol):
    """
    Something to be done to rows, which are a queryset.

    ``check`` raises what Django raises for fields that are not there, or
    NotSupportedError for what the model does not allow; it changes nothing.
    """

    def check(self, rows: Any) -> None: ...

    def carry_out(self, rows: Any, batch: Batch) -> None: ...


@dataclasses.dataclass(frozen=True)
class Update:
    """Sets fields to values or expressions, as QuerySet.update() does."""

    values: Mapping[str, Any]

    def check(self, rows: Any) -> None:
        rows.none().update(**self.values)

    def carry_out(self, rows: Any, batch: Batch) -> None:
        rows.update(**self.values)


@dataclasses.dataclass(frozen=True)
class Call:
    """Calls a function with the rows."""

    function: Callable[[Any], Any]

    def check(self, rows: Any) -> None:
        """Do nothing, for a function may do anything, even with no rows."""

    def carry_out(self, rows: Any, batch: Batch) -> None:
        self.function(rows)


@dataclasses.dataclass(frozen=True)
class SQL:
    """Executes a statement, which says by parameters what rows it is about."""

    statement: str

    def check(self, rows: Any) -> None:
        if isinstance(rows.model._meta.pk, CompositePrimaryKey):
            raise CompositeKeyError(rows.model._meta.label)

    def carry_out(self, rows: Any, batch: Batch) -> None:
        connection = connections[rows.db]
        key = rows.model._meta.pk
        ends = {"first": batch.first, "last": batch.last}
        parameters = {
            name: key.get_db_prep_value(value, connection)
            for name, value in ends.items()
        }
        with connection.cursor() as cursor:
            cursor.execute(self.statement, parameters)


def work(given: Given) -> Work:
    """Return what is to be done, given as an argument of a backfill."""
    if isinstance(given, Mapping):
        return Update(given)
    return SQL(given) if isinstance(given, str) else Call(given)
