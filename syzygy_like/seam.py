"""
The one place where Django is changed: the classes that its commands name.

``migrate.Command.handle`` names the global ``MigrationExecutor`` and leaves no hook.
An attribute ``executor_class`` is proposed for it (django/new-features#164); where
Django has that, nothing is done here. ``makemigrations`` in the same way names
``MigrationWriter``.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from django.core.management.commands import makemigrations, migrate

Factory = Callable[..., Any]


class Replacement:
    """A global of one of Django's modules that is replaced for a while."""

    def __init__(self, module: ModuleType, name: str):
        self.module = module
        self.name = name
        self._current: contextvars.ContextVar[Factory | None] = contextvars.ContextVar(
            name, default=None
        )
        self._lock = threading.Lock()
        self._users = 0
        self._original: Any = None

    @contextlib.contextmanager
    def by(self, factory: Factory) -> Iterator[None]:
        """
        Let a factory stand in for the global, in this thread only.

        Others get what they would have got, whichever thread leaves first.
        """
        token = self._current.set(factory)
        self._enter()
        try:
            yield
        finally:
            self._leave()
            self._current.reset(token)

    @property
    def is_replaced(self) -> bool:
        """Whether a factory stands in for the global, in this thread."""
        return self._current.get() is not None

    def _make(self, *args: Any, **kwargs: Any) -> Any:
        return (self._current.get() or self._original)(*args, **kwargs)

    def _enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._original = getattr(self.module, self.name)
                setattr(self.module, self.name, self._make)
            self._users += 1

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                setattr(self.module, self.name, self._original)


EXECUTOR = Replacement(migrate, "MigrationExecutor")
WRITER = Replacement(makemigrations, "MigrationWriter")


def executor(command: Any, factory: Factory) -> contextlib.AbstractContextManager[None]:
    """Let a migrate command make its executor by a factory, in this thread only."""
    if hasattr(migrate.Command, "executor_class"):
        return _attribute(command, factory)
    return EXECUTOR.by(factory)


def has_executor(command: Any) -> bool:
    """Tell whether the executor of a migrate command is made by a factory already."""
    return EXECUTOR.is_replaced or "executor_class" in vars(command)


def writer(factory: Factory) -> contextlib.AbstractContextManager[None]:
    """Let makemigrations write by a factory's writer, in this thread only."""
    return WRITER.by(factory)


@contextlib.contextmanager
def _attribute(command: Any, factory: Factory) -> Iterator[None]:
    own = command.executor_class
    command.executor_class = factory
    try:
        yield
    finally:
        command.executor_class = own
