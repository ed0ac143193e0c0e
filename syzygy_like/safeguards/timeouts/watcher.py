"""A thread that looks who blocks the statement that is executed."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

from syzygy_like.safeguards.connections import own_connection
from syzygy_like.safeguards.timeouts.blockers import Blocker, blockers

# How often to look at most: PostgreSQL looks through all locks for an answer.
INTERVAL = 1.0


@dataclasses.dataclass
class Running:
    """
    A statement that is executed since a point of the monotonic clock.

    ``may_take`` is how many seconds it may take, None if that is not limited. When it
    is over, ``seconds`` is how many it has taken.
    """

    statement: str = ""
    since: float = 0.0
    may_take: float | None = None
    seconds: float = 0.0
    blockers: tuple[Blocker, ...] = ()


class Watcher(threading.Thread):
    """
    Looks who blocks a statement, each time that half of its limit is over.

    It does so on a connection of its own, which is not opened before a statement takes
    that long. What goes wrong here is of no consequence.
    """

    def __init__(
        self,
        connection: Any,
        session: Callable[[], int | None],
        running: Callable[[], Running | None],
        limit: float,
    ):
        super().__init__(name="syzygy_like.safeguards.timeouts", daemon=True)
        self.connection = connection
        self.session = session
        self.running = running
        self.interval = min(limit / 2, INTERVAL)
        self.over = threading.Event()

    def run(self) -> None:
        # A connection belongs to the thread that makes it.
        connection = own_connection(self.connection)
        try:
            while not self.over.wait(self.interval):
                if running := self.running():
                    self._look(connection, running)
        finally:
            with contextlib.suppress(Exception):
                connection.close()

    def _look(self, connection: Any, running: Running) -> None:
        try:
            found = blockers(connection, self.session(), running.statement)
        except Exception:  # whatever is wrong with a connection, there may be another
            with contextlib.suppress(Exception):
                connection.close()
        else:
            running.blockers = found or running.blockers


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Have a watcher look meanwhile."""
    watcher.start()
    try:
        yield
    finally:
        watcher.over.set()
        watcher.join()
