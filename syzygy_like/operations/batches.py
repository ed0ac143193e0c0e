"""The rows of a table in batches: ranges of its primary key."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db.models import Model, QuerySet

# What a primary key has as its value, which may be anything.
Key = Any


@dataclasses.dataclass(frozen=True)
class Batch:
    """
    The rows from one primary key to another, both included.

    ``size`` is how many rows there were when they were counted. After the batch, all
    rows up to the key ``done`` are done, and no others; None if no rows are.
    """

    first: Key
    last: Key
    size: int
    done: Key


class Rows:
    """
    All rows of a model on a database, in the order of their primary key.

    Rows count even if they are not to be changed, so that all batches cost the same. No
    more than two keys of a batch are fetched, however many it has.
    """

    def __init__(self, model: type[Model], alias: str):
        self.model = model
        self.alias = alias
        # Other managers may leave out rows.
        self.queryset = model._base_manager.using(alias)

    @property
    def _keys(self) -> QuerySet[Model, Key]:
        return self.queryset.order_by("pk").values_list("pk", flat=True)

    @property
    def last(self) -> Key:
        """The last primary key, None if there are no rows."""
        return self._keys.last()

    def of(self, batch: Batch) -> QuerySet[Model]:
        """Return the rows of a batch, with those that were added meanwhile."""
        return self.queryset.filter(pk__gte=batch.first, pk__lte=batch.last)

    def after(self, done: Key, size: int) -> Batch | None:
        """Return the next rows up from a key, or from the first one if it is None."""
        keys = self._keys if done is None else self._keys.filter(pk__gt=done)
        ends = _ends(keys, size)
        if ends is None:
            return None
        first, last, count = ends
        return Batch(first, last, count, done=last)

    def before(self, done: Key, size: int) -> Batch | None:
        """Return the next rows down from a key, which is one of them."""
        if done is None:
            return None
        ends = _ends(self._keys.filter(pk__lte=done).reverse(), size)
        if ends is None:
            return None
        last, first, count = ends
        return Batch(first, last, count, done=self._keys.filter(pk__lt=first).last())


def _ends(keys: QuerySet[Model, Key], size: int) -> tuple[Key, Key, int] | None:
    """Return the first of some keys, the last one of a batch, and how many it has."""
    first = keys.first()
    full = list(keys[size - 1 : size])
    if full:
        return first, full[0], size
    last = keys.last()
    if first is None or last is None:  # deleted meanwhile
        return None
    return first, last, keys.count()
