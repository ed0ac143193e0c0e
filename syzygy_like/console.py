"""Where a command writes, for what it runs deep inside."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import io
from collections.abc import Iterator
from typing import Any

from django.core.management.base import OutputWrapper


@dataclasses.dataclass(frozen=True)
class Console:
    """The stdout of a command (Django's OutputWrapper), its style and verbosity."""

    stdout: Any
    style: Any
    verbosity: int

    @property
    def is_terminal(self) -> bool:
        """Whether people watch it."""
        return bool(self.stdout.isatty())


_current: contextvars.ContextVar[Console | None] = contextvars.ContextVar(
    "console", default=None
)


def current() -> Console | None:
    """Return the console of the command that runs, None if it is none of ours."""
    return _current.get()


@contextlib.contextmanager
def using(command: Any, verbosity: int) -> Iterator[None]:
    """Let what runs meanwhile write where a command does."""
    token = _current.set(Console(command.stdout, command.style, verbosity))
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def silent(command: Any) -> Iterator[None]:
    """Let a command write nothing to its stdout meanwhile."""
    stdout = command.stdout
    command.stdout = OutputWrapper(io.StringIO())
    try:
        yield
    finally:
        command.stdout = stdout
