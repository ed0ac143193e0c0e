"""Portions of migrations, carried out on a database and noted there."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState

from syzygy_like.crossing import Extent, Portion
from syzygy_like.crossing.portions import Historical
from syzygy_like.guard import Guard
from syzygy_like.indexes import Clearing
from syzygy_like.repeating import forgiving, restore, tolerate

# What leaves a database as it was.
READS = ("SELECT", "SET", "SHOW", "PRAGMA", "EXPLAIN", "SAVEPOINT", "RELEASE")
SCHEMA = {
    OperationCategory.ADDITION,
    OperationCategory.ALTERATION,
    OperationCategory.REMOVAL,
}

Claim = Callable[[], None]
Note = Callable[[int], None]
Move = Callable[[ProjectState, Any], ProjectState]


class Carrier:
    """
    Carries portions out, or back, and notes each where nothing can come between.

    ``claim`` makes sure that no other run is at a portion, and is called whenever its
    transaction begins anew. ``note`` is told how many operations are carried out.
    """

    def __init__(self, connection: Any, guard: Guard):
        self.connection = connection
        self.guard = guard

    def forwards(
        self,
        portion: Portion,
        state: ProjectState,
        done: int | None,
        claim: Claim,
        note: Note,
    ) -> ProjectState:
        """
        Carry a portion out, from a state of what is built, and return the one after it.

        Operations before the number ``done`` are carried out already, and maybe that
        one in part; None if it was not begun.
        """
        count = len(portion.operations)
        if self.is_in_one(portion):
            noted = functools.partial(note, count)
            return self._whole(portion, portion.apply, state, claim, noted)
        claim()
        if done is None or done >= count:
            note(0 if done is None else count)
        for number, operation in enumerate(portion.operations):
            single = part_of(portion, operation)
            if number < (done or 0):
                state = single.mutate_state(state, preserve=False)
                continue
            noted = functools.partial(note, number + 1)
            state = self._step(single, state, noted, number == done)
        return state

    def backwards(
        self,
        portion: Portion,
        state: ProjectState,
        done: int | None,
        claim: Claim,
        note: Note,
    ) -> ProjectState:
        """
        Undo a portion, back to the state of what was built before it, and return that.

        Of its operations the first ``done`` are carried out, None if all are, and
        maybe the next in part; the last of them may be undone in part.
        """
        if self.is_in_one(portion):
            noted = functools.partial(note, 0)
            return self._whole(portion, portion.unapply, state, claim, noted)
        claim()
        operations, count = portion.operations, len(portion.operations)
        is_fresh = done is None
        done = count if done is None else done
        # An operation that is noted within its transaction, and is not, did nothing.
        parts = [part_of(portion, each) for each in operations]
        is_next = done < count and not self.is_noted_within(parts[done])
        if not is_next:
            note(done)
        states = [state]
        for single in parts:
            states.append(single.mutate_state(states[-1], preserve=True))
        for number in reversed(range(done + is_next)):
            noted = functools.partial(note, number)
            # Only what an earlier run was at may be undone already.
            repeated = not is_fresh and number >= done - 1
            self._step(parts[number], states[number], noted, repeated, backwards=True)
        return state

    def is_in_one(self, portion: Migration) -> bool:
        """Tell whether a portion is carried out in one transaction."""
        return bool(portion.atomic and self.connection.features.can_rollback_ddl)

    def is_noted_within(self, single: Portion) -> bool:
        """Tell whether an operation is noted in a transaction that it is made in."""
        is_schema = changes_schema(single)
        # No change of a schema refuses a transaction there, nor could it be told from
        # an error that it is made already.
        return is_in_transaction(single) or (
            is_schema and self.connection.vendor == "sqlite"
        )

    def _whole(
        self,
        portion: Portion,
        move: Move,
        state: ProjectState,
        claim: Claim,
        noted: Callable[[], None],
    ) -> ProjectState:
        def attempt() -> ProjectState:
            with self.connection.schema_editor(atomic=True) as editor:
                claim()
                after = move(state.clone(), editor)
                noted()
            return after

        return self._patiently(portion, attempt, lambda: True)

    def _step(
        self,
        single: Portion,
        state: ProjectState,
        noted: Callable[[], None],
        repeated: bool,
        backwards: bool = False,
    ) -> ProjectState:
        """Carry out one operation; what is ``repeated`` may find itself done."""
        statements = Statements()
        move = single.unapply if backwards else single.apply
        is_schema = changes_schema(single)
        as_one = self.is_noted_within(single)

        def attempt() -> ProjectState:
            forgives = not as_one and (repeated or statements.wrote)
            with self._watched(statements, forgives):
                # SQLite's has to come before the transaction.
                with self.connection.schema_editor(atomic=single.atomic) as editor:
                    if forgives:
                        tolerate(editor)
                    if not as_one:
                        after = move(state.clone(), editor)
                    else:
                        with transaction.atomic(self.connection.alias):
                            with without_savepoints(editor):
                                after = move(state.clone(), editor)
                            complete(editor)
                            noted()
                if forgives and is_schema:
                    there = single.mutate_state(state, preserve=True)
                    restore(self.connection, there if backwards else state, after)
                if not as_one:
                    noted()
            return after

        def is_safe() -> bool:
            resumes = getattr(single.operations[0], "resumes", False) is True
            return is_schema or resumes or as_one or not statements.wrote

        return self._patiently(single, attempt, is_safe)

    def _patiently(
        self,
        portion: Portion,
        attempt: Callable[[], ProjectState],
        is_safe: Callable[[], bool],
    ) -> ProjectState:
        name = f"{portion.app_label}.{portion.name}"
        return self.guard.patience.attempt(self.connection, name, attempt, is_safe)

    @contextlib.contextmanager
    def _watched(self, statements: Statements, forgives: bool) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            wrap = self.connection.execute_wrapper
            stack.enter_context(wrap(Clearing(self.guard.tell)))
            if forgives:
                stack.enter_context(wrap(forgiving))
            stack.enter_context(wrap(statements))
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


def part_of(portion: Portion, operation: Operation) -> Portion:
    """Return a portion with a single operation."""
    return Portion(portion.migration, Extent.WHOLE, [operation])


def changes_schema(single: Portion) -> bool:
    """Tell whether an operation does to the schema what it does to the state."""
    return getattr(single.operations[0], "category", None) in SCHEMA


def is_in_transaction(single: Portion) -> bool:
    """Tell whether an operation on rows is noted in the transaction that it makes."""
    operation: Any = single.operations[0]
    category = getattr(operation, "category", None)
    on_rows = isinstance(operation, Historical) or category is OperationCategory.PYTHON
    wanted = operation.atomic or (single.atomic and operation.atomic is not False)
    return on_rows and bool(wanted)
