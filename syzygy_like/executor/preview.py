"""A plan as --plan prints it: with its stages, and with its SQL, not executed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

from syzygy_like.executor.context import Plan
from syzygy_like.executor.schedule import Schedule
from syzygy_like.executor.steps import DeployStep
from syzygy_like.planning.messages import plans
from syzygy_like.planning.plan import StagedPlan

UNTOLD = "-- THE REST DEPENDS ON WHAT PRECEDES IT"


class PrintedMigration(Migration):
    """A migration, or a part of one, that is printed as some lines."""

    def __init__(
        self, migration: Migration, lines: list[str], operations: Iterable[Operation]
    ):
        super().__init__(migration.name, migration.app_label)
        self.lines = lines
        vars(self).update(operations=list(operations))

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Statement(Operation):
    """A line of SQL, shown where a plan shows operations."""

    reversible = True

    def __init__(self, sql: str):
        self.sql_text = sql

    def describe(self) -> str:
        return self.sql_text

    def formatted_description(self) -> str:
        return self.sql_text


def printed(
    schedule: Schedule, connection: BaseDatabaseWrapper, verbosity: int
) -> Plan:
    """Return what a schedule carries out, as Django's command prints it."""
    return list(_printed(schedule, connection, verbosity))


def _printed(
    schedule: Schedule, connection: BaseDatabaseWrapper, verbosity: int
) -> Iterator[tuple[Migration, bool]]:
    for phase in schedule.phases:
        for step in phase.steps:
            lines = _lines(step.partial, schedule.plan, verbosity)
            operations = list(step.partial.operations)
            if verbosity > 1:
                sql = statements(step, connection, phase.backwards)
                if phase.backwards:  # Django writes "Undo" before each operation
                    lines += [each.describe() for each in sql]
                else:
                    operations += sql
            yield PrintedMigration(step.partial, lines, operations), phase.backwards
    for migration, backwards in schedule.rest:
        lines = _lines(migration, schedule.plan, verbosity)
        printed = PrintedMigration(migration, lines, migration.operations)
        yield printed, backwards


def _lines(migration: Migration, plan: StagedPlan, verbosity: int) -> list[str]:
    key = (migration.app_label, migration.name)
    found = (each for each in plan.planned_migrations if each.key == key)
    return plans.headed(migration, next(found, None), verbosity)


def statements(
    step: DeployStep, connection: BaseDatabaseWrapper, backwards: bool
) -> list[Statement]:
    """Return the SQL of a step, as far as it is known before it is executed."""
    if backwards and not all(each.reversible for each in step.partial.operations):
        return []  # the plan says so, and nothing will be undone
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        move = step.partial.unapply if backwards else step.partial.apply
        try:
            move(step.before.clone(), editor, collect_sql=True)
        except (DatabaseError, ValueError):
            # Some operations look up the name of a constraint that is not there yet.
            editor.collected_sql.append(UNTOLD)
    return [Statement(f"  {line}") for line in editor.collected_sql if line != "--"]
