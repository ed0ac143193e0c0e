"""The console of the command that runs, for code that does not have the command."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import io
from collections.abc import Iterator

from django.core.management.base import BaseCommand, OutputWrapper
from django.core.management.color import Style


@dataclasses.dataclass(frozen=True)
class Console:
    """The stdout, the style and the verbosity of a command."""

    stdout: OutputWrapper
    style: Style
    verbosity: int

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal."""
        return self.stdout.isatty()


_current: contextvars.ContextVar[Console | None] = contextvars.ContextVar(
    "console", default=None
)


def current() -> Console | None:
    """Return the console of the command that runs, None if it is not one of ours."""
    return _current.get()


@contextlib.contextmanager
def using(command: BaseCommand, verbosity: int) -> Iterator[None]:
    """Let everything that runs meanwhile write to the console of a command."""
    token = _current.set(Console(command.stdout, command.style, verbosity))
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def silent(command: BaseCommand) -> Iterator[None]:
    """Let a command write nothing to its stdout meanwhile."""
    stdout = command.stdout
    command.stdout = OutputWrapper(io.StringIO())
    try:
        yield
    finally:
        command.stdout = stdout
