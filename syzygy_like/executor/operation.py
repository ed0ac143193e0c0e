"""One operation of a migration that is applied, or unapplied, on its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState

from syzygy_like.executor.context import RunHooks
from syzygy_like.executor.invalid_indexes import InvalidIndexes
from syzygy_like.executor.rerun import (
    Execute,
    ExecuteContext,
    pass_over_done,
    restore_foreign_keys,
    tolerate_missing_together,
)
from syzygy_like.expand_contract.simulation import PartialMigration
from syzygy_like.expand_contract.simulation.partial import HistoricalOperation

# What leaves a database as it was.
READS = ("SELECT", "SET", "SHOW", "PRAGMA", "EXPLAIN", "SAVEPOINT", "RELEASE")
SCHEMA = {
    OperationCategory.ADDITION,
    OperationCategory.ALTERATION,
    OperationCategory.REMOVAL,
}

Move = Callable[[ProjectState, BaseDatabaseSchemaEditor], ProjectState]


class OperationRunner:
    """Runs an operation, the only one of a ``single`` migration, and notes it."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        hooks: RunHooks,
        single: PartialMigration,
    ):
        self.connection = connection
        self.hooks = hooks
        self.single = single
        self.statements = Statements()

    @property
    def operation(self) -> Operation:
        """The operation that it runs."""
        return self.single.operations[0]

    @property
    def is_noted_within(self) -> bool:
        """Whether it is noted in the transaction that carries it out."""
        # On SQLite every change of a schema can be made in a transaction, and an error
        # does not say that it is made already.
        is_sqlite = self.connection.vendor == "sqlite"
        return is_in_transaction(self.single) or (
            is_sqlite and changes_schema(self.single)
        )

    def may_be_undone(self, state: ProjectState, turned: bool) -> bool:
        """
        Tell whether it may be undone in part, though it is noted.

        Some operations know their progress. Of others it is known whether an earlier
        run that was undoing them has ``turned``.
        """
        if hasattr(self.operation, "is_going_back"):
            return self._is_going_back(state) is True
        return turned and not self.is_noted_within

    def may_be_begun(self, state: ProjectState) -> bool:
        """Tell whether anything of it may be done, though it is not noted."""
        if self.is_noted_within:  # then that was rolled back
            return False
        return self._is_going_back(state) is not None

    def _is_going_back(self, state: ProjectState) -> bool | None:
        """Ask an operation whether it is being undone; None if nothing is left."""
        ask = getattr(self.operation, "is_going_back", None)
        if ask is None:
            return False
        with self._editor() as editor:
            found: bool | None = ask(self.single.app_label, editor, state.clone())
        return found

    def may_be_repeated(self) -> bool:
        """Tell whether it may be tried again after it has failed."""
        resumes = getattr(self.operation, "resumes", False) is True
        knows = changes_schema(self.single) or resumes
        return knows or self.is_noted_within or not self.statements.wrote

    def carry_out(
        self,
        move: Move,
        state: ProjectState,
        before: ProjectState,
        note: Callable[[], None],
        repeated: bool,
    ) -> ProjectState:
        """
        Apply or unapply the operation by a ``move``, note it, return the move's state.

        ``state`` is what Django begins with, ``before`` the state of the schema: they
        differ where it is unapplied. An operation that is ``repeated`` may be done
        already, in part or whole.
        """
        if self.is_noted_within:
            with self._noting_within(note) as editor:
                return move(state.clone(), editor)
        again = repeated or self.statements.wrote
        with self._watching(again):
            with self._editor() as editor:
                if again:
                    tolerate_missing_together(editor)
                after = move(state.clone(), editor)
            if again and changes_schema(self.single):
                restore_foreign_keys(self.connection, before, after)
            note()
        return after

    @contextlib.contextmanager
    def _noting_within(
        self, note: Callable[[], None]
    ) -> Iterator[BaseDatabaseSchemaEditor]:
        """Note the operation in a transaction with what it does."""
        # SQLite's editor has to come before the transaction.
        with (
            self._watching(again=False),
            self._editor() as editor,
            transaction.atomic(self.connection.alias),
        ):
            with without_savepoints(editor):
                yield editor
            execute_deferred(editor)
            note()

    def _editor(self) -> BaseDatabaseSchemaEditor:
        return self.connection.schema_editor(atomic=self.single.atomic)

    @contextlib.contextmanager
    def _watching(self, again: bool) -> Iterator[None]:
        """Watch the statements; those that are executed again may be done already."""
        with contextlib.ExitStack() as stack:
            wrap = self.connection.execute_wrapper
            stack.enter_context(wrap(InvalidIndexes(self.hooks.tell)))
            if again:
                stack.enter_context(wrap(pass_over_done))
            stack.enter_context(wrap(self.statements))
            yield


class Statements:
    """Executes statements, and knows whether one of them has changed anything."""

    wrote = False

    def __call__(
        self,
        execute: Execute,
        sql: str,
        params: object,
        many: bool,
        context: ExecuteContext,
    ) -> object:
        found = execute(sql, params, many, context)
        self.wrote = self.wrote or not str(sql).lstrip().upper().startswith(READS)
        return found


@contextlib.contextmanager
def without_savepoints(editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    """
    Tell operations that they are in a transaction already.

    They would make a savepoint, and MySQL forgets it if a schema is changed.
    """
    editor.atomic_migration = True
    try:
        yield
    finally:
        editor.atomic_migration = False


def execute_deferred(editor: BaseDatabaseSchemaEditor) -> None:
    """Execute what a schema editor has put off until its end."""
    while editor.deferred_sql:
        editor.execute(editor.deferred_sql.pop(0))


def changes_schema(single: PartialMigration) -> bool:
    """Tell whether an operation does to the schema what it does to the state."""
    return getattr(single.operations[0], "category", None) in SCHEMA


def is_in_transaction(single: PartialMigration) -> bool:
    """Tell whether an operation on rows makes a transaction."""
    operation = single.operations[0]
    category = getattr(operation, "category", None)
    on_rows = (
        isinstance(operation, HistoricalOperation)
        or category is OperationCategory.PYTHON
    )
    own: bool | None = operation.atomic
    return on_rows and bool(own or (single.atomic and own is not False))
