"""What a version reads of existing rows."""

from __future__ import annotations

import contextlib
import dataclasses

from django.db import connections, models, transaction

from syzygy_like.rehearsal.workload import values
from syzygy_like.rehearsal.workload.rows import (
    Model,
    Rows,
    UnsuitableError,
    written_fields,
)
from syzygy_like.schema.types import Field

MOST_READ = 100  # rows


@dataclasses.dataclass(eq=False)
class WrongReadError(Exception):
    """
    A value was read that differs from the one written.

    ``read`` and ``written`` are None for rows of a relation that are missing, or
    that are still there.
    """

    field: str
    read: object = None
    written: object = None


def existing(rows: Rows, model: Model) -> models.QuerySet[models.Model]:
    """Return the rows that there are, in the order of their keys."""
    return model._base_manager.using(rows.alias).order_by("pk")


def keys(model: Model, alias: str) -> list[object]:
    """Return the keys of the rows that there are, none if they cannot be read."""
    try:
        with transaction.atomic(using=alias):
            found = existing(Rows(alias), model)
            return list(found.values_list("pk", flat=True))
    except Exception:
        return []  # SELECT fails as well and says so.


def spread(several: list[object], most: int | None) -> list[object]:
    """Return so many of them at most, the first and the last among them."""
    if most is None or len(several) <= most:
        return several
    if most == 1:
        return several[-1:]
    last = len(several) - 1
    return [several[index * last // (most - 1)] for index in range(most)]


def select(rows: Rows, model: Model) -> None:
    """Read all columns, of the newest rows if there are many."""
    list(existing(rows, model).reverse()[:MOST_READ])


def read_back(rows: Rows, row: models.Model) -> None:
    """Compare a row with what the database has of it."""
    fresh = existing(rows, type(row)).get(pk=row.pk)
    for field in written_fields(type(row)):
        written = values.plain(getattr(row, field.attname))
        read = values.plain(getattr(fresh, field.attname))
        if hasattr(written, "resolve_expression") or written == read:
            continue
        if not _reads_otherwise(rows, row, field, read):
            raise WrongReadError(field.name, read, written)


def _reads_otherwise(rows: Rows, row: models.Model, field: Field, read: object) -> bool:
    """Tell whether a field by itself writes one value for another, or reads so."""
    with contextlib.suppress(Exception):  # whatever a field of a package raises
        value = getattr(row, field.attname)
        return bool(values.reread(field, value, connections[rows.alias]) == read)
    return False


def search(rows: Rows, model: Model, field: Field) -> None:
    """Look for rows by a column, and sort by it."""
    found = model._base_manager.using(rows.alias).order_by(field.attname)
    list(found.filter(**{f"{field.attname}__isnull": True}))
    if not field.remote_field:
        value = rows.accepted(field, values.typical(field, 1))
        list(_equal(found, field, value))


def _equal(
    found: models.QuerySet[models.Model], field: Field, value: object
) -> models.QuerySet[models.Model]:
    """Return rows by a column. Raises UnsuitableError if the field allows no such."""
    try:
        return found.filter(**{field.attname: value})
    except Exception as error:  # whatever a field of a package raises
        raise UnsuitableError from error
