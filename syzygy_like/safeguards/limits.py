"""How long a run waits, and how it tries again, as options and settings say."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Limits:
    """
    Of statements, in seconds; None or 0 where there is none.

    ``retries`` is how many times to try again what could not have a lock.
    ``required`` tells whether somebody asked for this run, so that a database which
    knows no limits is an error; the settings may be shared with such databases.
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
    """How many parties have to arrive, who this one is, how long it waits (seconds)."""

    size: int
    party: str
    timeout: float


class RetryPolicy(Protocol):
    """
    Has statements wait for locks no longer than they may, and tries again.

    ``in_force`` is a context in which limits hold for the statements of a connection.
    ``attempt`` carries out an action, which has to begin anew each time that it is
    called, and calls it again where a lock was not to be had and ``is_safe`` tells
    that nothing of it is left. ``name`` says of what migration it is.
    """

    def in_force(self, connection: Any) -> contextlib.AbstractContextManager[None]: ...

    def attempt(
        self,
        connection: Any,
        name: str,
        action: Callable[[], T],
        is_safe: Callable[[], bool],
    ) -> T: ...


class NoRetries:
    """Lets the database wait as it does by itself, and tries once."""

    def in_force(self, connection: Any) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def attempt(
        self,
        connection: Any,
        name: str,
        action: Callable[[], T],
        is_safe: Callable[[], bool],
    ) -> T:
        return action()
