"""What a leader does beside applying the plan: it gives signs of life, and reports."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from django.core.cache import caches
from django.db import connections

from syzygy_like.safeguards.quorum import participant
from syzygy_like.safeguards.quorum.errors import MeetingPlaceError
from syzygy_like.safeguards.quorum.meeting import Meeting, Phase
from syzygy_like.safeguards.quorum.store import Store

# How often to try to report at the end; others notice in the end that nobody beats.
TRIES = 10
# How long to wait for that, in seconds, for a network may not answer at all.
PATIENCE = 60.0


@contextlib.contextmanager
def leading(
    store: Store, name: str, token: str, reason: Callable[[BaseException], str]
) -> Iterator[None]:
    """
    Lead the meeting of a name, and close it as done or failed.

    ``reason`` is what to tell the others of an error.
    """
    leader = Leader(store, name, token)
    leader.start()
    try:
        yield
    except BaseException as error:
        leader.close(Phase.FAILED, reason(error))
        raise
    leader.close(Phase.DONE)


class Leader(threading.Thread):
    """
    Beats until the meeting is closed.

    It has connections of its own: those of the migrations are busy, and may be of no
    use after an error.
    """

    def __init__(self, store: Store, name: str, token: str):
        super().__init__(name="syzygy_like.safeguards.quorum", daemon=True)
        self.store = store
        self.meeting = name
        self.token = token
        self._outcome = (Phase.FAILED, "")
        self._is_over = threading.Event()

    def run(self) -> None:
        """Beat, and report when it is over."""
        self.store = self.store.another()  # which belongs to this thread
        try:
            while not self._is_over.wait(participant.INTERVAL):
                self._try(lambda each: each.beat(self.token))
            self._report(*self._outcome)
        finally:
            self.store.close()
            # Those of this thread: a cache may be in a database.
            connections.close_all()
            caches.close_all()

    def _report(self, phase: Phase, reason: str) -> None:
        for _ in range(TRIES):
            if self._try(lambda each: each.close(self.token, phase, reason)):
                return
            time.sleep(participant.INTERVAL)

    def close(self, phase: Phase, reason: str = "") -> None:
        """Report what came of the meeting, and wait until that is done."""
        self._outcome = (phase, reason)
        self._is_over.set()
        self.join(PATIENCE)

    def _try(self, step: Callable[[Meeting], Meeting]) -> bool:
        """Make a step in the meeting; tell whether the place has answered."""
        try:
            self.store.change(lambda each: each.change(self.meeting, step))
        except MeetingPlaceError:
            return False
        return True
