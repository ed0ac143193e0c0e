"""How long a run waits and how often it tries again, from options and settings."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Protocol, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Limits:
    """
    The limits of statements, in seconds; None or 0 where there is none.

    ``retries`` is how often to try again a migration that could not get a lock.
    ``required`` tells whether an option asks for the limits: then a database that has
    none is an error. Settings may be shared with such databases.
    """

    lock_timeout: float | None = None
    retries: int = 0
    statement_timeout: float | None = None
    required: bool = False

    @property
    def are_given(self) -> bool:
        return bool(self.lock_timeout or self.statement_timeout)


@dataclasses.dataclass(frozen=True)
class Quorum:
    """How many parties have to arrive, this one's name, how many seconds it waits."""

    size: int
    party: str
    timeout: float


class RetryPolicy(Protocol):
    """
    Limits how long statements wait for locks, and tries again.

    ``in_force`` is a context in which limits hold for the statements of a connection.
    ``attempt`` calls an action, which has to start over each time, and calls it again
    if it could not get a lock and ``is_safe`` says that none of its changes are left.
    ``name`` is the migration's.
    """

    def in_force(
        self, connection: BaseDatabaseWrapper
    ) -> contextlib.AbstractContextManager[None]: ...

    def attempt(
        self,
        connection: BaseDatabaseWrapper,
        name: str,
        action: Callable[[], T],
        is_safe: Callable[[], bool],
    ) -> T: ...


class NoRetries:
    """Sets no limits, and tries once."""

    def in_force(
        self, connection: BaseDatabaseWrapper
    ) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def attempt(
        self,
        connection: BaseDatabaseWrapper,
        name: str,
        action: Callable[[], T],
        is_safe: Callable[[], bool],
    ) -> T:
        return action()
