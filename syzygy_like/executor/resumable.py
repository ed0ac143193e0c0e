"""Portions of migrations, carried out on a database and noted there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.executor.hooks import Guard
from syzygy_like.executor.operation import Step
from syzygy_like.expand_contract.simulation import Extent, Portion

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
        self._steps: list[Step] = []

    @property
    def wrote(self) -> bool:
        """Whether an operation outside of a transaction has changed anything."""
        return any(each.statements.wrote for each in self._steps)

    def forwards(
        self,
        portion: Portion,
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
        count = len(portion.operations)
        if self.is_in_one(portion):
            noted = functools.partial(note, count)
            return self._whole(portion, portion.apply, state, claim, noted)
        claim()
        start = self._start(portion, state, min(done or 0, count), turned)
        if start != done or start == count:
            note(start)
        for number, operation in enumerate(portion.operations):
            step = self._step(operation, portion)
            if number < start:
                state = step.single.mutate_state(state, preserve=False)
                continue
            noted = functools.partial(note, number + 1)
            state = step.forwards(
                state, noted, repeated=number == start and done is not None
            )
        return state

    def _start(
        self, portion: Portion, state: ProjectState, done: int, turned: bool
    ) -> int:
        """Return where to go on: the last operation may be undone in part."""
        if not done:
            return done
        *before, last = [
            self._step(each, portion) for each in portion.operations[:done]
        ]
        for step in before:
            state = step.single.mutate_state(state, preserve=True)
        return done - last.may_be_undone(state, turned)

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
        self._steps.clear()
        if self.is_in_one(portion):
            noted = functools.partial(note, 0)
            return self._whole(portion, portion.unapply, state, claim, noted)
        claim()
        operations, count = portion.operations, len(portion.operations)
        is_fresh = done is None
        done = count if done is None else done
        steps = [self._step(each, portion) for each in operations]
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

    def begun(self, portion: Portion, done: int) -> Portion:
        """Return what of a portion may be carried out, of which it is noted so far."""
        following = portion.operations[done : done + 1]
        if following and self._step(following[0], portion).is_noted_within:
            following = []  # which was rolled back
        operations = [*portion.operations[:done], *following]
        return Portion(portion.migration, portion.extent, operations)

    def is_in_one(self, portion: Migration) -> bool:
        """Tell whether a portion is carried out in one transaction."""
        return bool(portion.atomic and self.connection.features.can_rollback_ddl)

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

        name = f"{portion.app_label}.{portion.name}"
        patience = self.guard.patience
        return patience.attempt(self.connection, name, attempt, lambda: True)

    def _step(self, operation: Operation, portion: Portion) -> Step:
        single = Portion(portion.migration, Extent.WHOLE, [operation])
        step = Step(self.connection, self.guard, single)
        self._steps.append(step)
        return step
