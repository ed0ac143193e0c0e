"""Rows that are in the way of what a deploy goes on to, or back to."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db import models
from django.db.migrations.state import ProjectState

from syzygy_like.executor.steps import DeployStep
from syzygy_like.expand_contract.simulation import DeployState, PartialMigration
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
    deploy_state: DeployState,
    again: bool = False,
) -> None:
    """Raise LostRowsError if rows of what is built have no value for the end."""
    database_defaults, one_offs = (
        deploy_state.reader.database_defaults,
        deploy_state.one_offs,
    )
    for app_label, model_name, name in lacking(start, end, database_defaults, one_offs):
        model = start.apps.get_model(app_label, model_name)
        rows: Any = models.QuerySet(model, using=alias)
        if count := rows.filter(**{name: None}).count():
            raise LostRowsError(model._meta.label, name, count, again)


def with_rows(step: DeployStep, deploy_state: DeployState) -> DeployStep:
    """Return a leg that takes care of the rows when it is undone."""
    database_defaults = deploy_state.reader.database_defaults
    more = returning(step.before, step.after, database_defaults, step.partial.app_label)
    operations = [*step.partial.operations, *more]
    partial = PartialMigration(step.partial.migration, step.partial.part, operations)
    return dataclasses.replace(step, partial=partial)
