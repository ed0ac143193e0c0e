"""The lock of a database's own by which one migrate runs at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


class Hold:
    """A lock that is held."""

    def check(self) -> None:
        """Raise LostLockError if it is not held any longer."""


@contextlib.contextmanager
def one_at_a_time(
    alias: str, wait: float, tell: Callable[[Any], None]
) -> Iterator[Hold]:
    """Hold the lock of a database, waiting for it for a number of seconds."""
    yield Hold()
