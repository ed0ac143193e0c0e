"""One operation of a migration that is carried out, or back, on its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.migrations.operations.base import OperationCategory
from django.db.migrations.state import ProjectState

from syzygy_like.executor.hooks import RunHooks
from syzygy_like.executor.invalid_indexes import Clearing
from syzygy_like.executor.rerun import forgiving, restore, tolerate
from syzygy_like.expand_contract.simulation import PartialMigration
from syzygy_like.expand_contract.simulation.partial import Historical

# What leaves a database as it was.
READS = ("SELECT", "SET", "SHOW", "PRAGMA", "EXPLAIN", "SAVEPOINT", "RELEASE")
SCHEMA = {
    OperationCategory.ADDITION,
    OperationCategory.ALTERATION,
    OperationCategory.REMOVAL,
}

Note = Callable[[], None]
Move = Callable[[ProjectState, Any], ProjectState]


class OperationRunner:
    """
    An operation, which is the only one of a portion.

    A step that is ``repeated`` may find that it is done, in part or whole. ``note`` is
    called when it is.
    """

    def __init__(self, connection: Any, hooks: RunHooks, single: PartialMigration):
        self.connection = connection
        self.hooks = hooks
        self.single = single
        self.statements = Statements()

    @property
    def is_noted_within(self) -> bool:
        """Whether it is noted in a transaction that it is made in."""
        # No change of a schema refuses a transaction on SQLite, nor could it be told
        # from an error that it is made already.
        is_sqlite = self.connection.vendor == "sqlite"
        return is_in_transaction(self.single) or (
            is_sqlite and changes_schema(self.single)
        )

    def may_be_undone(self, state: ProjectState, turned: bool) -> bool:
        """
        Tell whether it may be undone in part, though it is noted.

        Some operations know where they are. Of others it is known whether the run has
        ``turned`` that was undoing them.
        """
        if hasattr(self.single.operations[0], "is_going_back"):
            return self._is_going_back(state) is True
        return turned and not self.is_noted_within

    def may_be_begun(self, state: ProjectState) -> bool:
        """Tell whether anything of it may be done, though it is not noted."""
        if self.is_noted_within:  # then that was rolled back
            return False
        return self._is_going_back(state) is not None

    def _is_going_back(self, state: ProjectState) -> bool | None:
        """Ask an operation whether it goes back, None if it rests; most do not know."""
        ask = getattr(self.single.operations[0], "is_going_back", None)
        if ask is None:
            return False
        with self._editor() as editor:
            found: bool | None = ask(self.single.app_label, editor, state.clone())
        return found

    def forwards(self, state: ProjectState, note: Note, repeated: bool) -> ProjectState:
        """Carry it out, from a state, and return the one after it."""
        return self._patiently(self.single.apply, state, note, repeated, state)

    def backwards(self, state: ProjectState, note: Note, repeated: bool) -> None:
        """Undo it, back to a state."""
        there = self.single.mutate_state(state, preserve=True)
        self._patiently(self.single.unapply, state, note, repeated, there)

    def _patiently(
        self,
        move: Move,
        state: ProjectState,
        note: Note,
        repeated: bool,
        before: ProjectState,
    ) -> ProjectState:
        """Make a move; where it is tried again, a part of it may be done."""

        def attempt() -> ProjectState:
            again = repeated or self.statements.wrote
            return self._take(move, state, note, again, before)

        name = f"{self.single.app_label}.{self.single.name}"
        return self.hooks.retry_policy.attempt(
            self.connection, name, attempt, self._may_be_repeated
        )

    def _take(
        self,
        move: Move,
        state: ProjectState,
        note: Note,
        again: bool,
        before: ProjectState,
    ) -> ProjectState:
        """Make a move, and note it; the schema was that of the state ``before``."""
        if self.is_noted_within:
            return self._in_transaction(move, state, note)
        with self._watched(again):
            with self._editor() as editor:
                if again:
                    tolerate(editor)
                after = move(state.clone(), editor)
            if again and changes_schema(self.single):
                restore(self.connection, before, after)
            note()
        return after

    def _in_transaction(
        self, move: Move, state: ProjectState, note: Note
    ) -> ProjectState:
        # SQLite's editor has to come before the transaction.
        with (
            self._watched(again=False),
            self._editor() as editor,
            transaction.atomic(self.connection.alias),
        ):
            with without_savepoints(editor):
                after = move(state.clone(), editor)
            complete(editor)
            note()
        return after

    def _editor(self) -> Any:
        return self.connection.schema_editor(atomic=self.single.atomic)

    def _may_be_repeated(self) -> bool:
        resumes = getattr(self.single.operations[0], "resumes", False) is True
        knows = changes_schema(self.single) or resumes
        return knows or self.is_noted_within or not self.statements.wrote

    @contextlib.contextmanager
    def _watched(self, again: bool) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            wrap = self.connection.execute_wrapper
            stack.enter_context(wrap(Clearing(self.hooks.tell)))
            if again:
                stack.enter_context(wrap(forgiving))
            stack.enter_context(wrap(self.statements))
            yield


class Statements:
    """Executes statements, and knows whether one of them has changed anything."""

    wrote = False

    def __call__(
        self, execute: Any, sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        found = execute(sql, params, many, context)
        self.wrote = self.wrote or not str(sql).lstrip().upper().startswith(READS)
        return found


@contextlib.contextmanager
def without_savepoints(editor: Any) -> Iterator[None]:
    """
    Tell operations that they are in a transaction already.

    They would make a savepoint, and MySQL forgets it if a schema is changed.
    """
    editor.atomic_migration = True
    try:
        yield
    finally:
        editor.atomic_migration = False


def complete(editor: Any) -> None:
    """Execute what a schema editor has put off until its end."""
    while editor.deferred_sql:
        editor.execute(editor.deferred_sql.pop(0))


def changes_schema(single: PartialMigration) -> bool:
    """Tell whether an operation does to the schema what it does to the state."""
    return getattr(single.operations[0], "category", None) in SCHEMA


def is_in_transaction(single: PartialMigration) -> bool:
    """Tell whether an operation on rows makes a transaction."""
    operation: Any = single.operations[0]
    category = getattr(operation, "category", None)
    on_rows = isinstance(operation, Historical) or category is OperationCategory.PYTHON
    wanted = operation.atomic or (single.atomic and operation.atomic is not False)
    return on_rows and bool(wanted)
