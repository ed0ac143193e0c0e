"""A part of a migration, and the operations that apply it."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class Part(enum.Enum):
    """What of a migration is applied."""

    WHOLE = "whole"
    EXPAND = "expand"
    CONTRACT = "contract"
    NOTHING = "already applied"


class PartialMigration(Migration):
    """
    A whole migration or a part of one, with the operations that apply it.

    They are those of the ``migration``, or others that lead where both versions can
    run, and from there to what the migration declares.
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
        vars(self).update(
            operations=list(operations),
            atomic=migration.atomic,
            replaces=migration.replaces,
        )

    def __str__(self) -> str:
        if self.part is Part.WHOLE:
            return super().__str__()
        return f"{super().__str__()} ({self.part.value})"


# What Django's commands look at.
SHOWN = ("atomic", "hints", "code", "reverse_code", "sql", "reverse_sql")
# What tells how it may be run.
KEPT = ("resumes",)


class HistoricalOperation(Operation):
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
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self.operation.database_forwards(
            app_label, schema_editor, self.state, self.state
        )
        _check_now(schema_editor)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self.operation.database_backwards(
            app_label, schema_editor, self.state, self.state
        )
        _check_now(schema_editor)

    def _is_going_back(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        state: ProjectState,
    ) -> bool | None:
        found: bool | None = self.operation.is_going_back(  # type: ignore[attr-defined]
            app_label, schema_editor, self.state
        )
        return found

    def describe(self) -> str:
        return self.operation.describe()


def _check_now(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let PostgreSQL check the rows, or it would not alter their table after that."""
    connection = schema_editor.connection
    defers = connection.vendor == "postgresql" and connection.in_atomic_block
    if defers and not schema_editor.collect_sql:
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


class OtherAppOperation(Operation):
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

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self.operation.database_forwards(
            self.app_label, schema_editor, from_state, to_state
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self.operation.database_backwards(
            self.app_label, schema_editor, from_state, to_state
        )

    def describe(self) -> str:
        return self.operation.describe()
