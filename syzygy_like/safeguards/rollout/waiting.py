"""Waiting until no other code is connected to a database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connections

from syzygy_like import conf
from syzygy_like.safeguards.rollout.backends import backends
from syzygy_like.safeguards.rollout.code_id import this_code
from syzygy_like.safeguards.rollout.connection import looking
from syzygy_like.safeguards.rollout.detection import (
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
    Watch,
    Watching,
)

# How many seconds there are between two looks.
POLL = 0.5
# After how many seconds what has been told is told again.
REMIND = 30.0

Tell = Callable[[Any], None]


def wait_for_rollout(alias: str, wait: float, tell: Tell) -> None:
    """
    Wait until no connection is left that belongs to other code than this.

    ``wait`` is in seconds; 0 looks once. ``tell`` is called with OthersSeen, Watching
    and RolledOut. Raises RolloutUnfinishedError, or what ``looking`` raises.
    """
    with looking(alias) as connection:
        start = time.monotonic()
        watch = Watch(
            this_code(), conf.rollout_ignored(), keeps_open(alias), wait, start
        )
        teller = Teller(alias, tell)
        while True:
            watch.look(backends(connection), time.monotonic())
            teller.tell(watch)
            if watch.is_over:
                return
            if watch.now - start >= wait:
                raise RolloutUnfinishedError(
                    alias, watch.code, wait, watch.ago, watch.last
                )
            time.sleep(min(POLL, start + wait - watch.now))


def keeps_open(alias: str) -> bool:
    """Tell by the settings whether the project keeps its connections open."""
    found = connections[alias].settings_dict
    return found["CONN_MAX_AGE"] != 0 or bool(found["OPTIONS"].get("pool"))


class Teller:
    """
    Tells what a watch sees: what is new of it, or less, and now and then the same.

    Where connections come and go, others of the same kind are nothing new.
    """

    def __init__(self, alias: str, tell: Tell):
        self.alias = alias
        self._tell = tell
        self._pids: set[int] = set()
        self._kinds: set[tuple[str, str, str | None]] = set()
        self._told_at = 0.0
        self._is_watching = False

    def tell(self, watch: Watch) -> None:
        """Tell what there is to be told."""
        if watch.is_over:
            self._tell(RolledOut(self.alias, watch.count, watch.period, watch.pooled))
        elif watch.others:
            self._tell_others(watch)
        elif not self._is_watching:
            self._is_watching = True
            self._tell(Watching(self.alias, watch.period, watch.pooled))

    def _tell_others(self, watch: Watch) -> None:
        kinds = {(each.application, each.role, each.address) for each in watch.others}
        pids = {each.pid for each in watch.others}
        is_new, is_less = not kinds <= self._kinds, pids < self._pids
        if is_new or is_less or watch.now - self._told_at >= REMIND:
            self._kinds |= kinds
            self._pids = pids
            self._told_at = watch.now
            self._tell(OthersSeen(self.alias, watch.others))
