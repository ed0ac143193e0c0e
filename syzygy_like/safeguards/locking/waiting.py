"""Waiting for a lock that another run has."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from syzygy_like.safeguards.locking.errors import LockWaitError
from syzygy_like.safeguards.locking.lock import Holder, Lock

# Between two tries, in seconds: what it begins with, and what it grows to.
PAUSE = 0.1
LONGEST_PAUSE = 0.4
# After how many seconds to say again what is waited for.
REMINDER = 30.0


@dataclasses.dataclass(frozen=True)
class Waiting:
    """The run waits, at most ``wait`` seconds; it has for ``waited``, 0 at first."""

    alias: str
    wait: float
    waited: float
    holder: Holder | None


@dataclasses.dataclass(frozen=True)
class Acquired:
    """The run goes on, after ``waited`` seconds."""

    alias: str
    waited: float


def wait_for(lock: Lock, alias: str, wait: float, tell: Callable[[Any], None]) -> bool:
    """
    Take a lock, and tell whether it had to be waited for.

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
