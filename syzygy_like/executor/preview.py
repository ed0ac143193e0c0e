"""The SQL of a plan, without executing it."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.db.migrations.operations.base import Operation

from syzygy_like.executor.steps import DeployStep

UNTOLD = "-- THE REST DEPENDS ON WHAT PRECEDES IT"


class Statement(Operation):
    """A line of SQL, shown where a plan shows operations."""

    reversible = True

    def __init__(self, sql: str):
        self.sql_text = sql

    def describe(self) -> str:
        return self.sql_text

    def formatted_description(self) -> str:
        return self.sql_text


def statements(step: DeployStep, connection: Any, backwards: bool) -> list[Statement]:
    """Return the SQL of a portion, as far as it can be told before it is executed."""
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
