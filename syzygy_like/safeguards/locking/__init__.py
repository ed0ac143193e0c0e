"""
The lock of a database's own by which one migrate runs at a time.

The server of the database keeps it, for a session that does nothing else; so it ends
with the process, however that ends. See docs/how-to/one-at-a-time.rst.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections
from django.utils.connection import ConnectionDoesNotExist

from syzygy_like import conf
from syzygy_like.safeguards.locking.errors import (
    LockFileError,
    LockUnreachableError,
    LockWaitError,
    LostLockError,
    PooledError,
    Unlocked,
)
from syzygy_like.safeguards.locking.holding import Hold
from syzygy_like.safeguards.locking.lock import Holder, Identity, Lock
from syzygy_like.safeguards.locking.vendors import lock_for
from syzygy_like.safeguards.locking.waiting import Acquired, Waiting, wait_for

__all__ = [
    "Acquired",
    "Hold",
    "Holder",
    "LockFileError",
    "LockUnreachableError",
    "LockWaitError",
    "LostLockError",
    "PooledError",
    "Unlocked",
    "Waiting",
    "one_at_a_time",
]

# A migration may call migrate, which must not wait for itself. Another thread does.
_held: contextvars.ContextVar[dict[Identity, Hold]] = contextvars.ContextVar("held")


@contextlib.contextmanager
def one_at_a_time(
    alias: str, wait: float, tell: Callable[[Any], None]
) -> Iterator[Hold]:
    """
    Hold the lock of a database, waiting for it for a number of seconds.

    ``tell`` is given what happens meanwhile: Waiting, Acquired. A database that no
    other process has, or of a vendor whose locks are not known, needs none. Raises
    LockWaitError, PooledError, LockFileError and LockUnreachableError.
    """
    keeper = conf.lock_alias(alias)
    with _reaching(keeper):
        lock = lock_for(alias)
    held = _held.get({})
    if lock is None or lock.identity in held:
        yield Hold() if lock is None else held[lock.identity]
        return
    with contextlib.closing(lock):
        with _reaching(keeper):
            _wait(alias, lock, wait, tell)
        hold = Hold(alias, lock)
        token = _held.set({**held, lock.identity: hold})
        try:
            yield hold
        finally:
            _held.reset(token)


def _wait(alias: str, lock: Lock, wait: float, tell: Callable[[Any], None]) -> None:
    """Take the lock. The connection of the migrations is idle meanwhile."""
    has_waited = wait_for(lock, alias, wait, tell)
    connection = connections[alias]
    if has_waited and not connection.in_atomic_block and not connection.is_usable():
        connection.close()  # which the server did first; the next query opens it


@contextlib.contextmanager
def _reaching(alias: str) -> Iterator[None]:
    """Raise LockUnreachableError where the server of an alias does not answer."""
    try:
        yield
    except (Error, ImproperlyConfigured, ConnectionDoesNotExist) as error:
        raise LockUnreachableError(alias, error) from error
