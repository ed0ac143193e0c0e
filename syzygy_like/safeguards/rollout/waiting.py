"""Waiting until no other code is connected to a database."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connections

from syzygy_like import conf
from syzygy_like.safeguards.rollout.backends import backends, observing
from syzygy_like.safeguards.rollout.code_id import this_code
from syzygy_like.safeguards.rollout.detection import (
    Detection,
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
    Watching,
)

# How many seconds there are between two looks.
POLL = 0.5
# After how many seconds an event is repeated.
REMIND = 30.0

Tell = Callable[[object], None]


def wait_for_rollout(alias: str, wait: float, tell: Tell) -> None:
    """
    Wait until no connection is left that belongs to other code than this.

    ``wait`` is in seconds; 0 looks once. ``tell`` gets the events OthersSeen, Watching
    and RolledOut. Raises RolloutUnfinishedError, and the errors of ``observing``.
    """
    with observing(alias) as connection:
        start = time.monotonic()
        detection = Detection(
            this_code(), conf.rollout_ignored(), keeps_open(alias), wait, start
        )
        announcer = RolloutAnnouncer(alias, tell)
        while True:
            detection.observe(backends(connection), time.monotonic())
            announcer.tell(detection)
            if detection.is_over:
                return
            if detection.now - start >= wait:
                raise RolloutUnfinishedError(
                    alias, detection.code, wait, detection.ago, detection.last
                )
            time.sleep(min(POLL, start + wait - detection.now))


def keeps_open(alias: str) -> bool:
    """Return whether the project keeps its connections open, by its settings."""
    found = connections[alias].settings_dict
    return found["CONN_MAX_AGE"] != 0 or bool(found["OPTIONS"].get("pool"))


class RolloutAnnouncer:
    """
    Tells what is detected when it changes, and repeats it now and then.

    Where connections come and go, others of the same kind are no change.
    """

    def __init__(self, alias: str, tell: Tell):
        self.alias = alias
        self._tell = tell
        self._pids: set[int] = set()
        self._kinds: set[tuple[str, str, str | None]] = set()
        self._told_at = 0.0
        self._is_watching = False

    def tell(self, found: Detection) -> None:
        """Tell what is detected, if that has changed."""
        if found.is_over:
            self._tell(RolledOut(self.alias, found.count, found.period, found.pooled))
        elif found.others:
            self._tell_others(found)
        elif not self._is_watching:
            self._is_watching = True
            self._tell(Watching(self.alias, found.period, found.pooled))

    def _tell_others(self, found: Detection) -> None:
        kinds = {(each.application, each.role, each.address) for each in found.others}
        pids = {each.pid for each in found.others}
        is_new, is_less = not kinds <= self._kinds, pids < self._pids
        if is_new or is_less or found.now - self._told_at >= REMIND:
            self._kinds |= kinds
            self._pids = pids
            self._told_at = found.now
            self._tell(OthersSeen(self.alias, found.others))
