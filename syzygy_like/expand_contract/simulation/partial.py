"""What is carried out of a migration in one go."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class Part(enum.Enum):
    """How much of a migration a portion is."""

    WHOLE = "whole"
    EXPAND = "expand"
    CONTRACT = "contract"
    NOTHING = "already applied"


class PartialMigration(Migration):
    """
    A migration, or a half of one, by the operations that carry it out.

    They are those of the ``migration``, or others that lead where both codes can run,
    and from there to what the migration says.
    """

    def __init__(
        self,
        migration: Migration,
        part: Part,
        operations: Iterable[Operation],
    ):
        super().__init__(migration.name, migration.app_label)
        self.migration = migration
        self.part = part
        own: dict[str, Any] = {
            "operations": list(operations),
            "atomic": migration.atomic,
            "replaces": migration.replaces,
        }
        vars(self).update(own)

    def __str__(self) -> str:
        if self.part is Part.WHOLE:
            return super().__str__()
        return f"{super().__str__()} ({self.part.value})"


# What Django's commands look at.
SHOWN = ("atomic", "hints", "code", "reverse_code", "sql", "reverse_sql")
# What tells how it may be carried out.
KEPT = ("resumes",)


class Historical(Operation):
    """
    An operation on rows, with the models that its author wrote it for.

    The database may have more than these know of. It has nothing less.
    """

    def __init__(self, operation: Operation, state: ProjectState):
        self.operation = operation
        self.state = state
        for name in (*SHOWN, *KEPT):
            if hasattr(operation, name):
                setattr(self, name, getattr(operation, name))
        if hasattr(operation, "is_going_back"):
            self.is_going_back = self._is_going_back

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        return bool(self.operation.reversible)

    @property
    def reduces_to_sql(self) -> bool:  # type: ignore[override]
        return bool(self.operation.reduces_to_sql)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        self.operation.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self.operation.database_forwards(
            app_label, schema_editor, self.state, self.state
        )
        _check_now(schema_editor)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self.operation.database_backwards(
            app_label, schema_editor, self.state, self.state
        )
        _check_now(schema_editor)

    def _is_going_back(
        self, app_label: str, schema_editor: Any, state: ProjectState
    ) -> bool | None:
        operation: Any = self.operation
        found: bool | None = operation.is_going_back(
            app_label, schema_editor, self.state
        )
        return found

    def describe(self) -> str:
        return self.operation.describe()


def _check_now(schema_editor: Any) -> None:
    """Let PostgreSQL check the rows, or it would not alter their table after that."""
    connection = schema_editor.connection
    defers = connection.vendor == "postgresql" and connection.in_atomic_block
    if defers and not schema_editor.collect_sql:
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


class Elsewhere(Operation):
    """An operation of another app."""

    def __init__(self, app_label: str, operation: Operation):
        self.app_label = app_label
        self.operation = operation
        self.category = operation.category  # type: ignore[misc]

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        return bool(self.operation.reversible)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        self.operation.state_forwards(self.app_label, state)

    def database_forwards(self, app_label: str, *args: Any) -> None:
        self.operation.database_forwards(self.app_label, *args)

    def database_backwards(self, app_label: str, *args: Any) -> None:
        self.operation.database_backwards(self.app_label, *args)

    def describe(self) -> str:
        return self.operation.describe()
