"""Portions of migrations, carried out on a database and noted there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.executor.hooks import RunHooks
from syzygy_like.executor.operation import OperationRunner
from syzygy_like.expand_contract.simulation import Part, PartialMigration

Claim = Callable[[], None]
Note = Callable[[int], None]
Move = Callable[[ProjectState, Any], ProjectState]


class MigrationRunner:
    """
    Carries portions out, or back, and notes each where nothing can come between.

    ``claim`` makes sure that no other run is at a portion, and is called whenever its
    transaction begins anew. ``note`` is told how many operations are carried out.
    """

    def __init__(self, connection: Any, hooks: RunHooks):
        self.connection = connection
        self.hooks = hooks
        self._steps: list[OperationRunner] = []

    @property
    def wrote(self) -> bool:
        """Whether an operation outside of a transaction has changed anything."""
        return any(each.statements.wrote for each in self._steps)

    def forwards(
        self,
        partial: PartialMigration,
        state: ProjectState,
        done: int | None,
        claim: Claim,
        note: Note,
        turned: bool = False,
    ) -> ProjectState:
        """
        Carry a portion out, from a state of what is built, and return the one after it.

        Operations before the number ``done`` are carried out already, and maybe that
        one in part; None if it was not begun. If it has ``turned``, having been on its
        way back, the last of them may be undone in part.
        """
        self._steps.clear()
        count = len(partial.operations)
        if self.is_in_one(partial):
            noted = functools.partial(note, count)
            return self._whole(partial, partial.apply, state, claim, noted)
        claim()
        start = self._start(partial, state, min(done or 0, count), turned)
        if start != done or start == count:
            note(start)
        for number, operation in enumerate(partial.operations):
            step = self._step(operation, partial)
            if number < start:
                state = step.single.mutate_state(state, preserve=False)
                continue
            noted = functools.partial(note, number + 1)
            state = step.forwards(
                state, noted, repeated=number == start and done is not None
            )
        return state

    def _start(
        self, partial: PartialMigration, state: ProjectState, done: int, turned: bool
    ) -> int:
        """Return where to go on: the last operation may be undone in part."""
        if not done:
            return done
        *before, last = [
            self._step(each, partial) for each in partial.operations[:done]
        ]
        for step in before:
            state = step.single.mutate_state(state, preserve=True)
        return done - last.may_be_undone(state, turned)

    def backwards(
        self,
        partial: PartialMigration,
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
        self._steps.clear()
        if self.is_in_one(partial):
            noted = functools.partial(note, 0)
            return self._whole(partial, partial.unapply, state, claim, noted)
        claim()
        operations, count = partial.operations, len(partial.operations)
        is_fresh = done is None
        done = count if done is None else done
        steps = [self._step(each, partial) for each in operations]
        states = [state]
        for step in steps:
            states.append(step.single.mutate_state(states[-1], preserve=True))
        is_next = done < count and steps[done].may_be_begun(states[done])
        if not is_next:
            note(done)
        for number in reversed(range(done + is_next)):
            noted = functools.partial(note, number)
            # Only what an earlier run was at may be undone already.
            repeated = not is_fresh and number >= done - 1
            steps[number].backwards(states[number], noted, repeated)
        return state

    def begun(self, partial: PartialMigration, done: int) -> PartialMigration:
        """Return what of a portion may be carried out, of which it is noted so far."""
        following = partial.operations[done : done + 1]
        if following and self._step(following[0], partial).is_noted_within:
            following = []  # which was rolled back
        operations = [*partial.operations[:done], *following]
        return PartialMigration(partial.migration, partial.part, operations)

    def is_in_one(self, partial: Migration) -> bool:
        """Tell whether a portion is carried out in one transaction."""
        return bool(partial.atomic and self.connection.features.can_rollback_ddl)

    def _whole(
        self,
        partial: PartialMigration,
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

        name = f"{partial.app_label}.{partial.name}"
        retry_policy = self.hooks.retry_policy
        return retry_policy.attempt(self.connection, name, attempt, lambda: True)

    def _step(self, operation: Operation, partial: PartialMigration) -> OperationRunner:
        single = PartialMigration(partial.migration, Part.WHOLE, [operation])
        step = OperationRunner(self.connection, self.hooks, single)
        self._steps.append(step)
        return step
