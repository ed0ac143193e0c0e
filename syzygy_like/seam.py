"""
The one place where Django is changed: the executor that its migrate command uses.

``migrate.Command.handle`` names the global ``MigrationExecutor`` and leaves no hook.
An attribute ``executor_class`` is proposed for it (django/new-features#164); where
Django has that, nothing is done here.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.commands import migrate as migrate_module
from django.db.migrations.executor import MigrationExecutor

ExecutorFactory = Callable[..., MigrationExecutor]

migrate: Any = migrate_module

_current: contextvars.ContextVar[ExecutorFactory | None] = contextvars.ContextVar(
    "executor", default=None
)
_lock = threading.Lock()
_users = 0
_original: Any = None


def _make_executor(*args: Any, **kwargs: Any) -> MigrationExecutor:
    """Make the executor of whoever asks; others get what they would have got."""
    executor: MigrationExecutor = (_current.get() or _original)(*args, **kwargs)
    return executor


@contextlib.contextmanager
def executor(command: Any, factory: ExecutorFactory) -> Iterator[None]:
    """
    Let a migrate command make its executor by a factory, in this thread only.

    Commands in other threads are not affected, whichever leaves first.
    """
    if hasattr(migrate.Command, "executor_class"):
        with _attribute(command, factory):
            yield
        return
    token = _current.set(factory)
    _enter()
    try:
        yield
    finally:
        _leave()
        _current.reset(token)


@contextlib.contextmanager
def _attribute(command: Any, factory: ExecutorFactory) -> Iterator[None]:
    own = command.executor_class
    command.executor_class = factory
    try:
        yield
    finally:
        command.executor_class = own


def _enter() -> None:
    global _users, _original
    with _lock:
        if _users == 0:
            _original = migrate.MigrationExecutor
            migrate.MigrationExecutor = _make_executor
        _users += 1


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            migrate.MigrationExecutor = _original
