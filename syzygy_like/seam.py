"""
The one place where Django is changed: the classes that its commands name, and signals.

``migrate.Command.handle`` names the global ``MigrationExecutor`` and leaves no hook.
An attribute ``executor_class`` is proposed for it (django/new-features#164); where
Django has that, nothing is done here. ``makemigrations`` in the same way names
``MigrationWriter``. A rehearsal mutes the signals of models: Django has no switch.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand
from django.core.management.commands import makemigrations, migrate
from django.db.models import ImageField, signals

Factory = Callable[..., object]


class Replacement:
    """A callable of a module, class or object of Django's, replaced for a while."""

    def __init__(self, holder: object, name: str):
        self.holder = holder
        self.name = name
        self._current: contextvars.ContextVar[Factory | None] = contextvars.ContextVar(
            name, default=None
        )
        self._lock = threading.Lock()
        self._users = 0
        self._own: object = None  # what the holder itself has, None if its class has it
        self._original: Factory | None = None

    @contextlib.contextmanager
    def by(self, factory: Factory) -> Iterator[None]:
        """
        Let a factory stand in for the callable, in this thread only.

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
        """Whether a factory stands in for the callable, in this thread."""
        return self._current.get() is not None

    def _enter(self) -> None:
        def call(*args: object, **kwargs: object) -> object:  # in a class a method
            factory = self._current.get() or self._original
            assert factory is not None
            return factory(*args, **kwargs)

        with self._lock:
            if self._users == 0:
                self._own = vars(self.holder).get(self.name)
                self._original = getattr(self.holder, self.name)
                setattr(self.holder, self.name, call)
            self._users += 1

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            if self._own is None:
                delattr(self.holder, self.name)
            else:
                setattr(self.holder, self.name, self._own)


EXECUTOR = Replacement(migrate, "MigrationExecutor")
WRITER = Replacement(makemigrations, "MigrationWriter")
# The receivers of signals, and what an image's descriptor calls when it is given a
# name: that reads the file for its dimensions.
MUTED = (
    Replacement(signals.pre_init, "send"),
    Replacement(signals.post_init, "send"),
    Replacement(signals.pre_save, "send"),
    Replacement(signals.post_save, "send"),
    Replacement(signals.pre_delete, "send"),
    Replacement(signals.post_delete, "send"),
    Replacement(signals.m2m_changed, "send"),
    Replacement(ImageField, "update_dimension_fields"),
)


def executor(
    command: BaseCommand, factory: Factory
) -> contextlib.AbstractContextManager[None]:
    """Let a migrate command make its executor by a factory, in this thread only."""
    if hasattr(migrate.Command, "executor_class"):
        return _attribute(command, factory)
    return EXECUTOR.by(factory)


def has_executor(command: BaseCommand) -> bool:
    """Tell whether the executor of a migrate command is made by a factory already."""
    return EXECUTOR.is_replaced or "executor_class" in vars(command)


def writer(factory: Factory) -> contextlib.AbstractContextManager[None]:
    """Let makemigrations write by a factory's writer, in this thread only."""
    return WRITER.by(factory)


@contextlib.contextmanager
def mute_signals() -> Iterator[None]:
    """
    Send no signal of models, and read no file for the dimensions of an image.

    In this thread only. Receivers stay connected, and Django deletes row by row for
    their sake as it does otherwise.
    """
    with contextlib.ExitStack() as stack:
        for each in MUTED:
            stack.enter_context(each.by(_no_answers))
        yield


def _no_answers(*args: object, **kwargs: object) -> list[object]:
    """Return the answers of no receiver."""
    return []


@contextlib.contextmanager
def _attribute(command: Any, factory: Factory) -> Iterator[None]:
    own = command.executor_class
    command.executor_class = factory
    try:
        yield
    finally:
        command.executor_class = own
