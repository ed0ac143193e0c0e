"""What becomes of rows when a deploy is aborted or a migration is unapplied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.db.migrations import AlterField, RunPython
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.expand_contract import data_functions
from syzygy_like.expand_contract.bridge import FieldKey
from syzygy_like.expand_contract.change import ModelChange
from syzygy_like.expand_contract.parts import detect, preparations
from syzygy_like.expand_contract.simulation.partial import OtherAppOperation
from syzygy_like.schema.database_defaults import DatabaseDefaults


def fit_rows(
    before: ProjectState,
    after: ProjectState,
    database_defaults: DatabaseDefaults,
    app_label: str,
) -> Iterator[Operation]:
    """
    Yield operations that do something backwards only: they make rows fit what was.

    The new version may have left out what is required again, or deleted what is
    referred to.
    """
    # To the rows every relation is a new one.
    model_change = ModelChange(ProjectState(), before, database_defaults)
    for label, migrations in detect(after, before).items():
        operations = [each for one in migrations for each in one.operations]
        made = preparations(label, operations, after, model_change)
        for each in data_functions.name_distinctly(made):
            operation = RunPython(data_functions.NOOP, each, hints=each.operation.hints)
            yield (
                operation if label == app_label else OtherAppOperation(label, operation)
            )


def fields_without_values(
    start: ProjectState,
    end: ProjectState,
    database_defaults: DatabaseDefaults,
    one_offs: Mapping[FieldKey, object],
) -> Iterator[FieldKey]:
    """Yield the fields that are required at the end, and whose rows get no value."""
    for label, migrations in detect(start, end).items():
        for operation in (each for one in migrations for each in one.operations):
            if not isinstance(operation, AlterField) or operation.field.null:
                continue
            key = (label, operation.model_name_lower)
            was_null = start.models[key].fields[operation.name].null
            one_off = one_offs.get((*key, operation.name), NOT_PROVIDED)
            value = database_defaults.value_for(operation.field, one_off)
            if was_null and value is NOT_PROVIDED:
                yield (*key, operation.name)
