"""Many rows at once, which refer to rows that there are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from django.db import connections, models, transaction

from syzygy_like.rehearsal.workload import values
from syzygy_like.rehearsal.workload.relations import automatic_relations, targets
from syzygy_like.rehearsal.workload.rows import (
    Fill,
    Model,
    Rows,
    UnsuitableError,
    has_db_default,
    highest,
    lowest,
    owners,
    rules,
    sparse,
    typical,
)
from syzygy_like.schema.types import Field

if TYPE_CHECKING:
    from syzygy_like.rehearsal.workload.values import ForeignKey

BATCH = 1000  # rows
# After so many rows that cannot be written there is little hope for others.
PATIENCE = 10


def create_related(rows: Rows, model: Model, fill: Fill) -> None:
    """Commit a row and what it is related to; raises what a database does."""
    with transaction.atomic(using=rows.alias):
        row = rows.create(model, fill)
        for field in automatic_relations(model):
            getattr(row, field.name).add(rows.create(field.related_model))
        connections[rows.alias].check_constraints()


class SharingRows(Rows):
    """Rows that refer to the oldest one there is, where several may do so."""

    def refer(
        self, row: models.Model, field: ForeignKey, fill: Fill, path: tuple[Model, ...]
    ) -> None:
        """Let a row refer to another one. Raises UnsuitableError if there is none."""
        spent = references_to_spend(type(row))
        own = fill in (lowest, highest) or (field.null and fill is sparse)
        if own or spent is None or field in spent:
            super().refer(row, field, fill, path)
            return
        key = target_keys(field, self.alias).order_by("pk").first()
        if key is None:
            super().refer(row, field, fill, path)
        else:
            setattr(row, field.attname, key)


class PooledRows(Rows):
    """Rows of one model that refer to rows which are there already."""

    def __init__(self, alias: str, start: int, spent: set[Field]):
        super().__init__(alias, start)
        self.spent = spent
        self.pools: dict[Field, Iterator[object]] = {}

    def refer(
        self, row: models.Model, field: ForeignKey, fill: Fill, path: tuple[Model, ...]
    ) -> None:
        """Let a row refer to the next one. Raises UnsuitableError if none is left."""
        if field.null and fill is sparse:
            return
        if field not in self.pools:
            self.pools[field] = self._pool(field)
        key = next(self.pools[field], None)
        if key is None and field not in self.spent:
            del self.pools[field]  # the first row of its own table may come now
        if key is None and not field.null:
            raise UnsuitableError
        setattr(row, field.attname, key)

    def _pool(self, field: ForeignKey) -> Iterator[object]:
        """Return the keys to refer to: each once where that is all they allow."""
        keys = target_keys(field, self.alias).order_by("-pk")
        if field not in self.spent:
            return itertools.cycle(list(keys[:BATCH]))
        referring = field.model._base_manager.using(self.alias)
        used = set(referring.values_list(field.attname, flat=True))
        return iter([key for key in keys if key not in used])


def target_keys(field: ForeignKey, alias: str) -> models.QuerySet[models.Model]:
    """Return what a reference may hold."""
    name = field.target_field.attname
    target = field.remote_field.model._base_manager.using(alias)
    found: models.QuerySet[models.Model] = target.exclude(**{name: None})
    return found.values_list(name, flat=True)


def references_to_spend(model: Model) -> set[Field] | None:
    """
    Return the references that need a target of their own in each row.

    None if rows have to be compared with each other: they would soon be the same in
    what is unique.
    """
    spent: set[Field] = set()
    for owner, names in _unique(model):
        fields = [cast(Field, owner._meta.get_field(name)) for name in names]
        references = [each for each in fields if each.remote_field]
        if any(each in spent or _differs(each) for each in fields):
            continue
        if not references:
            return None
        spent.add(references[0])
    return spent


def _unique(model: Model) -> Iterator[tuple[Model, tuple[str, ...]]]:
    """Yield the names of what is unique, none for what is not told by fields."""
    for owner in owners(model):
        yield owner, tuple(field.name for field in owner._meta.pk_fields)
    for owner, constraint in rules(model):
        if not isinstance(constraint, models.CheckConstraint):
            yield owner, tuple(getattr(constraint, "fields", ()))


def _differs(field: Field) -> bool:
    """Tell whether rows by themselves have different values."""
    if field.remote_field:
        return bool(field.remote_field.parent_link)
    return not (field.generated or has_db_default(field)) and values.varies(field)


def fill_up(model: Model, alias: str, number: int, count: int) -> tuple[int, int]:
    """
    Commit so many rows of a model, as far as they can be written.

    ``number`` is that of the first row; return the next one, and how many there are.
    """
    spent = references_to_spend(model)
    many = spent is not None and not model._meta.parents
    size, failed, done = (BATCH if many else 1), 0, 0
    fills: Iterator[Fill] = itertools.cycle((typical, sparse))
    rows = PooledRows(alias, number, spent or set())
    with transaction.atomic(using=alias):
        while done < count and failed < PATIENCE:
            # The others may refer to the first.
            batch = list(
                itertools.islice(fills, min(size, count - done) if done else 1)
            )
            if _write(rows, model, batch, many):
                done += len(batch)
                number = next(rows.numbers)
            elif done and size > 1:
                size //= 10
                rows = PooledRows(alias, number, spent or set())
            else:
                failed += 1
        return next(rows.numbers), done


def targets_first(models: list[Model]) -> list[Model]:
    """Return models in an order in which they refer to earlier ones, if any is."""
    left = dict.fromkeys(models)
    found: list[Model] = []
    while left:
        ready = [
            each for each in left if targets(each).isdisjoint(left.keys() - {each})
        ]
        for each in ready or [next(iter(left))]:
            found.append(each)
            del left[each]
    return found


def _write(rows: Rows, model: Model, fills: list[Fill], many: bool) -> bool:
    """Write a row for each fill; tell whether that was possible."""
    try:
        with transaction.atomic(using=rows.alias):
            batch = [rows.unsaved(model, fill) for fill in fills]
            if many:
                _check(rows, batch)
                model._base_manager.using(rows.alias).bulk_create(batch)
            else:
                for row in batch:
                    rows.save(row)
    except Exception:  # UnsuitableError, or whatever the database has against it
        return False
    return True


def _check(rows: Rows, batch: list[models.Model]) -> None:
    for owner, constraint in rules(type(batch[0])):
        if isinstance(constraint, models.CheckConstraint):
            for row in batch:
                rows.check(row, owner, constraint)
