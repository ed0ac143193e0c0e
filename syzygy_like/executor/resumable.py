"""Migrations that are carried out so that a later run can resume them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.executor.context import RunHooks
from syzygy_like.executor.operation import Move, OperationRunner
from syzygy_like.expand_contract.simulation import Part, PartialMigration


@dataclasses.dataclass(frozen=True)
class Progress:
    """
    How far a migration is, and how to note that.

    The operations before the number ``done`` are carried out, and maybe that one in
    part; it is None if the migration was not begun. If it has ``turned``, an earlier
    run was undoing it, and the last of them may be undone in part.

    ``claim`` makes sure that no other run is at the migration, and is called whenever
    its transaction begins again. ``note`` is called with the number of operations that
    are carried out.
    """

    done: int | None
    claim: Callable[[], None]
    note: Callable[[int], None]
    turned: bool = False


class MigrationRunner:
    """Carries migrations out, or undoes them, and notes their progress."""

    def __init__(self, connection: BaseDatabaseWrapper, hooks: RunHooks):
        self.connection = connection
        self.hooks = hooks
        self._operations: list[OperationRunner] = []

    @property
    def wrote(self) -> bool:
        """Whether an operation outside of a transaction has changed anything."""
        return any(each.statements.wrote for each in self._operations)

    def forwards(
        self, partial: PartialMigration, state: ProjectState, progress: Progress
    ) -> ProjectState:
        """Carry out what is left of a migration; return the state after it."""
        self._operations = []
        attempt, count = self._attempt(partial), len(partial.operations)
        if self.is_in_one(partial):
            note = functools.partial(progress.note, count)
            whole = functools.partial(self._whole, partial.apply, state, progress, note)
            return attempt(whole, lambda: True)
        progress.claim()
        done, start = progress.done, self._start(partial, state, progress)
        if start != done or start == count:
            progress.note(start)
        for number, operation in enumerate(partial.operations):
            runner = self._runner(operation, partial)
            if number < start:
                state = runner.single.mutate_state(state, preserve=False)
                continue
            note = functools.partial(progress.note, number + 1)
            is_again = number == start and done is not None
            apply = functools.partial(runner.carry_out, runner.single.apply)
            action = functools.partial(apply, state, state, note, is_again)
            state = attempt(action, runner.may_be_repeated)
        return state

    def _start(
        self, partial: PartialMigration, state: ProjectState, progress: Progress
    ) -> int:
        """Return where to resume: the last operation may be undone in part."""
        done = min(progress.done or 0, len(partial.operations))
        if not done:
            return done
        *before, last = [
            self._runner(each, partial) for each in partial.operations[:done]
        ]
        for runner in before:
            state = runner.single.mutate_state(state, preserve=True)
        return done - last.may_be_undone(state, progress.turned)

    def backwards(
        self, partial: PartialMigration, state: ProjectState, progress: Progress
    ) -> ProjectState:
        """
        Undo what is carried out of a migration, back to the state before it.

        That is all of it if ``progress.done`` is None. If not, the last operation that
        is done may be undone in part.
        """
        self._operations = []
        attempt = self._attempt(partial)
        if self.is_in_one(partial):
            note = functools.partial(progress.note, 0)
            whole = functools.partial(
                self._whole, partial.unapply, state, progress, note
            )
            return attempt(whole, lambda: True)
        progress.claim()
        runners = [self._runner(each, partial) for each in partial.operations]
        states = [state]
        for runner in runners:
            states.append(runner.single.mutate_state(states[-1], preserve=True))
        done = len(runners) if progress.done is None else progress.done
        is_next = done < len(runners) and runners[done].may_be_begun(states[done])
        if not is_next:
            progress.note(done)
        for number in reversed(range(done + is_next)):
            note = functools.partial(progress.note, number)
            # Only what an earlier run was at may be undone already.
            is_again = progress.done is not None and number >= done - 1
            runner = runners[number]
            unapply = functools.partial(runner.carry_out, runner.single.unapply)
            before, after = states[number : number + 2]
            action = functools.partial(unapply, before, after, note, is_again)
            attempt(action, runner.may_be_repeated)
        return state

    def begun(self, partial: PartialMigration, done: int) -> PartialMigration:
        """Return what may be carried out of a migration whose progress is known."""
        following = partial.operations[done : done + 1]
        if following and self._runner(following[0], partial).is_noted_within:
            following = []  # which was rolled back
        operations = [*partial.operations[:done], *following]
        return PartialMigration(partial.migration, partial.part, operations)

    def is_in_one(self, partial: Migration) -> bool:
        """Tell whether a migration is carried out in one transaction."""
        return bool(partial.atomic and self.connection.features.can_rollback_ddl)

    def _attempt(self, partial: PartialMigration) -> Callable[..., ProjectState]:
        name = f"{partial.app_label}.{partial.name}"
        return functools.partial(self.hooks.retry_policy.attempt, self.connection, name)

    def _whole(
        self,
        move: Move,
        state: ProjectState,
        progress: Progress,
        note: Callable[[], None],
    ) -> ProjectState:
        with self.connection.schema_editor(atomic=True) as editor:
            progress.claim()
            after = move(state.clone(), editor)
            note()
        return after

    def _runner(
        self, operation: Operation, partial: PartialMigration
    ) -> OperationRunner:
        single = PartialMigration(partial.migration, Part.WHOLE, [operation])
        runner = OperationRunner(self.connection, self.hooks, single)
        self._operations.append(runner)
        return runner
