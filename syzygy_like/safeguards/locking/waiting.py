"""
Taking the lock of a database, and waiting for it while another run holds it.

The server of the database keeps the lock for a session that does nothing else; so it
ends with the process, however that ends. See docs/how-to/one-at-a-time.rst.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import time
from collections.abc import Callable, Iterator

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections
from django.utils.connection import ConnectionDoesNotExist

from syzygy_like import conf
from syzygy_like.safeguards.locking.lock import (
    Hold,
    Holder,
    Identity,
    Lock,
    LockUnreachableError,
    LockWaitError,
)
from syzygy_like.safeguards.locking.vendors import lock_for

# The pause between two tries, in seconds: the first one, and the longest.
PAUSE = 0.1
LONGEST_PAUSE = 0.4
# After how many seconds the run says again what it waits for.
REMINDER = 30.0

# A migration may call migrate, which must not wait for itself. Another thread does.
_held: contextvars.ContextVar[dict[Identity, Hold]] = contextvars.ContextVar("held")


@dataclasses.dataclass(frozen=True)
class Waiting:
    """An event: the run waits up to ``wait`` seconds; it has for ``waited``, or 0."""

    alias: str
    wait: float
    waited: float
    holder: Holder | None


@dataclasses.dataclass(frozen=True)
class Acquired:
    """An event: the run has the lock, after ``waited`` seconds."""

    alias: str
    waited: float


@contextlib.contextmanager
def one_at_a_time(
    alias: str, wait: float, tell: Callable[[object], None]
) -> Iterator[Hold]:
    """
    Hold the lock of a database; wait for it up to ``wait`` seconds.

    ``tell`` gets the events: Waiting, Acquired. A database needs no lock if no other
    process can use it, or if this package has none for its vendor. Raises
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
            _take(alias, lock, wait, tell)
        hold = Hold(alias, lock)
        token = _held.set({**held, lock.identity: hold})
        try:
            yield hold
        finally:
            _held.reset(token)


def _take(alias: str, lock: Lock, wait: float, tell: Callable[[object], None]) -> None:
    """Take the lock. The connection of the migrations is idle meanwhile."""
    has_waited = wait_for(lock, alias, wait, tell)
    connection = connections[alias]
    if has_waited and not connection.in_atomic_block and not connection.is_usable():
        connection.close()  # the server has closed it; the next query opens it again


@contextlib.contextmanager
def _reaching(alias: str) -> Iterator[None]:
    """Raise LockUnreachableError if the server of an alias does not answer."""
    try:
        yield
    except (Error, ImproperlyConfigured, ConnectionDoesNotExist) as error:
        raise LockUnreachableError(alias, error) from error


def wait_for(
    lock: Lock, alias: str, wait: float, tell: Callable[[object], None]
) -> bool:
    """
    Take a lock; return whether it had to be waited for.

    It is tried at least once. Raises LockWaitError after ``wait`` seconds.
    """
    start = time.monotonic()
    pause, reminder, waited = PAUSE, 0.0, 0.0
    while not lock.acquire():
        waited = time.monotonic() - start
        if waited >= wait:
            raise LockWaitError(alias, wait, lock.holder())
        if waited >= reminder:
            tell(Waiting(alias, wait, waited if reminder else 0.0, lock.holder()))
            reminder = waited + REMINDER
        time.sleep(min(pause, wait - waited))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    if reminder:
        tell(Acquired(alias, time.monotonic() - start))
    return bool(reminder)
