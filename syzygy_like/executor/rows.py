"""Rows that are in the way of what a deploy goes on to, or back to."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db import models
from django.db.migrations.state import ProjectState

from syzygy_like.executor.steps import Leg
from syzygy_like.expand_contract.simulation import Crossing, Portion
from syzygy_like.expand_contract.simulation.rows import lacking, returning


class LostRowsError(Exception):
    """
    There are rows without a value for a field that is required, and no default.

    ``again`` tells whether it was required before the deploy.
    """

    def __init__(self, label: str, field: str, count: int, again: bool):
        super().__init__(label, field, count, again)
        self.label = label
        self.field = field
        self.count = count
        self.again = again


def refuse_to_lose(
    alias: str,
    start: ProjectState,
    end: ProjectState,
    crossing: Crossing,
    again: bool = False,
) -> None:
    """Raise LostRowsError if rows of what is built have no value for the end."""
    omission, one_offs = crossing.reader.omission, crossing.one_offs
    for app_label, model_name, name in lacking(start, end, omission, one_offs):
        model = start.apps.get_model(app_label, model_name)
        rows: Any = models.QuerySet(model, using=alias)
        if count := rows.filter(**{name: None}).count():
            raise LostRowsError(model._meta.label, name, count, again)


def with_rows(leg: Leg, crossing: Crossing) -> Leg:
    """Return a leg that takes care of the rows when it is undone."""
    omission = crossing.reader.omission
    more = returning(leg.before, leg.after, omission, leg.portion.app_label)
    operations = [*leg.portion.operations, *more]
    portion = Portion(leg.portion.migration, leg.portion.extent, operations)
    return dataclasses.replace(leg, portion=portion)
