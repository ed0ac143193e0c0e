"""Portions of migrations, carried out on a database and noted there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.db import DatabaseError, transaction
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.crossing import Extent, Portion
from syzygy_like.crossing.portions import Historical

# What a database says of a change that is made already. PostgreSQL, "Error Codes";
# MySQL, "Server Error Message Reference".
DONE = {
    "42P01",  # undefined table
    "42P07",  # duplicate table
    "42701",  # duplicate column
    "42703",  # undefined column
    "42704",  # undefined object
    "42710",  # duplicate object
    1050,  # table exists
    1051,  # unknown table
    1054,  # unknown column
    1060,  # duplicate column
    1061,  # duplicate key name
    1091,  # cannot drop what is not there
    1146,  # no such table
    1826,  # duplicate foreign key
    3821,  # check constraint is not there
    3822,  # duplicate check constraint
}

Note = Callable[[int], None]


class Carrier:
    """Carries portions out, or back, and notes each where nothing can come between."""

    def __init__(self, connection: Any):
        self.connection = connection

    def forwards(
        self,
        portion: Portion,
        state: ProjectState,
        done: int | None,
        claim: Callable[[], None],
        note: Note,
    ) -> None:
        """
        Carry a portion out, from a state of what is built.

        Operations before the number ``done`` are carried out already, and maybe that
        one in part; None if it was not begun. ``claim`` makes sure that no other run
        is at it; ``note`` is told how many are.
        """
        count = len(portion.operations)
        if self._in_one(portion):
            with self.connection.schema_editor(atomic=True) as editor:
                claim()
                portion.apply(state, editor)
                note(count)
            return
        claim()
        if done is None or done >= count:
            note(0 if done is None else count)
        for number, operation in enumerate(portion.operations):
            single = part_of(portion, operation)
            if done is not None and number < done:
                state = single.mutate_state(state, preserve=False)
                continue
            with self._step(single, repeated=number == done):
                with self.connection.schema_editor(atomic=portion.atomic) as editor:
                    state = single.apply(state, editor)
                note(number + 1)

    def backwards(
        self,
        portion: Portion,
        state: ProjectState,
        done: int | None,
        claim: Callable[[], None],
        note: Note,
    ) -> None:
        """
        Undo a portion; the state is that of what was built before it.

        Of its operations the first ``done`` are carried out, None if all are, and
        maybe the next in part; the last of them may be undone in part. ``claim`` makes
        sure that no other run is at it; ``note`` is told how many are left.
        """
        if self._in_one(portion):
            with self.connection.schema_editor(atomic=True) as editor:
                claim()
                portion.unapply(state, editor)
                note(0)
            return
        claim()
        count = len(portion.operations)
        if done is None or not count:
            note(count)
        done = count if done is None else done
        states = [state]
        for operation in portion.operations:
            single = part_of(portion, operation)
            states.append(single.mutate_state(states[-1], preserve=True))
        for number in reversed(range(min(done + 1, count))):
            single = part_of(portion, portion.operations[number])
            if number == done and is_in_transaction(single):
                continue  # it is noted if it is carried out
            with self._step(single, repeated=number >= done - 1):
                with self.connection.schema_editor(atomic=portion.atomic) as editor:
                    single.unapply(states[number], editor)
                note(number)

    def _in_one(self, portion: Portion) -> bool:
        return bool(portion.atomic and self.connection.features.can_rollback_ddl)

    @contextlib.contextmanager
    def _step(self, single: Portion, repeated: bool) -> Iterator[None]:
        """Carry out one operation; what is ``repeated`` may find itself done."""
        with contextlib.ExitStack() as stack:
            if is_in_transaction(single):
                stack.enter_context(transaction.atomic(self.connection.alias))
            elif repeated:
                stack.enter_context(self.connection.execute_wrapper(forgiving))
            yield


def part_of(portion: Portion, operation: Operation) -> Portion:
    """Return a portion with a single operation."""
    return Portion(portion.migration, Extent.WHOLE, [operation])


def is_in_transaction(single: Portion) -> bool:
    """Tell whether an operation on rows is noted in the transaction that it makes."""
    operation: Any = single.operations[0]
    wanted = operation.atomic or (single.atomic and operation.atomic is not False)
    return isinstance(operation, Historical) and bool(wanted)


def forgiving(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Execute a statement; one whose effect is there already is passed over."""
    try:
        return execute(sql, params, many, context)
    except DatabaseError as error:
        connection = context["connection"]
        is_lost = connection.in_atomic_block and connection.features.can_rollback_ddl
        if is_lost or not is_done(error) or has_invalid_index(connection):
            raise
    return None


def has_invalid_index(connection: Any) -> bool:
    """
    Tell whether an index is there, but not of use.

    PostgreSQL leaves one behind where a concurrent build is cut off ("Building Indexes
    Concurrently"): what is there already need not be what was to be made.
    """
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_index WHERE NOT indisvalid LIMIT 1")
        return cursor.fetchone() is not None


def is_done(error: DatabaseError) -> bool:
    """Tell by its code whether an error means that a change is made already."""
    codes = {getattr(error.__cause__, "sqlstate", None), *error.args[:1]}
    # MariaDB has one code for all tables that cannot be made; a constraint of this name
    # is there if InnoDB says DB_DUPLICATE_KEY.
    duplicate = 1005 in codes and "errno: 121" in str(error)
    return duplicate or not codes.isdisjoint(DONE)
