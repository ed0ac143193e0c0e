"""
Actions of a version, run on a database.

Each action runs in a transaction of its own, which is rolled back: an action
that fails leaves nothing behind that another one could stumble over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import Error, connections, transaction
from django.db.models.deletion import ProtectedError, RestrictedError

from syzygy_like.rehearsal.workload.actions import Action
from syzygy_like.rehearsal.workload.rows import Model, Rows, UnsuitableError

WRITING = ("INSERT", "UPDATE", "DELETE")
# What a version raises by itself, with no failed query.
OWN_RULES = (UnsuitableError, ProtectedError, RestrictedError)


@dataclasses.dataclass(frozen=True)
class FailedAction:
    """
    What a model could not do.

    ``model`` is its label. ``sql`` is the statement that failed, the last that wrote
    if a deferred constraint was broken, and empty if no query failed.
    """

    model: str
    action: str
    error: Exception
    sql: str = ""


class Statements:
    """Watches the statements of one action (a wrapper of ``execute_wrapper``)."""

    def __init__(self) -> None:
        self.written = ""
        self.failed = ""

    def __call__(
        self, execute: Any, sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if sql.startswith(WRITING):
            self.written = sql
        try:
            return execute(sql, params, many, context)
        except Error:
            # A check of deferred constraints is no statement of the version.
            self.failed = "" if sql.startswith("SET CONSTRAINTS") else sql
            raise

    def of(self, error: Exception) -> str:
        """Return the statement that an error is about, nothing if about none."""
        return (self.failed or self.written) if isinstance(error, Error) else ""


def attempt(
    alias: str, do: Callable[[Rows], object], rows: Rows
) -> tuple[Exception, str] | None:
    """Do something, undo it, and return the error and its SQL if it failed."""
    connection = connections[alias]
    statements = Statements()
    try:
        with transaction.atomic(using=alias):
            with connection.execute_wrapper(statements):
                do(rows)
            # Deferred constraints would speak up when it is too late.
            if statements.written and connection.features.can_defer_constraint_checks:
                connection.check_constraints()
            transaction.set_rollback(True, using=alias)
    except OWN_RULES:
        return None
    except Exception as error:
        return error, statements.of(error)
    return None


def run(
    model: Model,
    actions: Iterable[Action],
    alias: str,
    start: int = 1,
    make: Callable[[str, int], Rows] = Rows,
) -> Iterator[FailedAction]:
    """Yield what fails of a model's actions, with new rows numbered from a start."""
    for action in actions:
        if failed := attempt(alias, action.do, make(alias, start)):
            yield FailedAction(model._meta.label, action.name, *failed)
