"""Which sessions may belong to other code than this, judged by what was seen."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable

from syzygy_like.safeguards.rollout.backends import Backend
from syzygy_like.safeguards.rollout.marks import Way

# For how many seconds no other code may be seen where connections come and go.
QUIET = 60.0
# How many seconds after its start a connection may still get its mark.
GRACE = 5.0

Backends = tuple[Backend, ...]


@dataclasses.dataclass(frozen=True)
class OthersSeen:
    """An event: other code is connected, or has worked lately; sent on changes."""

    alias: str
    backends: Backends


@dataclasses.dataclass(frozen=True)
class Watching:
    """
    An event: no other code is connected, but connections come and go; sent once.

    ``seconds`` is for how long no other code may appear. ``pooled`` tells whether there
    is a pooler; otherwise connections are not kept open.
    """

    alias: str
    seconds: float
    pooled: bool


@dataclasses.dataclass(frozen=True)
class RolledOut:
    """
    An event: no connection of other code is left.

    ``count`` is the number of connections of this code. ``seconds`` is for how long no
    other code was seen; 0 where connections stay open, or if there is no wait.
    """

    alias: str
    count: int
    seconds: float
    pooled: bool


@dataclasses.dataclass(eq=False)
class RolloutUnfinishedError(Exception):
    """
    Other code is still connected, or has worked lately.

    ``code`` is the id of this code; ``wait`` is for how many seconds the run has
    waited; ``backends`` are the sessions seen last, ``ago`` seconds ago.
    """

    alias: str
    code: str
    wait: float
    ago: float
    backends: Backends


class Detection:
    """
    Finds other code among the sessions that it is shown again and again.

    ``code`` is the id of this code; ``ignored`` are patterns of application names that
    are not the project's. ``keeps`` tells whether the project keeps its connections
    open. ``wait`` is for how many seconds the run waits, ``now`` the time in seconds of
    any clock.
    """

    def __init__(
        self, code: str, ignored: list[str], keeps: bool, wait: float, now: float
    ):
        self.code = code
        self.ignored = ignored
        self.keeps = keeps
        self.wait = wait
        self.now = self.seen_at = now
        self.pooled = False
        self.count = 0
        self.others: Backends = ()
        self.last: Backends = ()
        self._roles: set[str] = set()
        self._poolers: set[str | None] = set()

    def observe(self, backends: Iterable[Backend], now: float) -> None:
        """Note the sessions at a time."""
        backends = list(backends)
        self.now = now
        self._learn(backends)
        self.others = tuple(each for each in backends if self._is_other(each))
        if self.others:
            self.last = self.others
            rested = min(self._rested(each) for each in self.others)
            self.seen_at = max(self.seen_at, now - rested)

    def _learn(self, backends: list[Backend]) -> None:
        """Learn the project's roles, and the addresses of its poolers."""
        self.count = 0
        for each in backends:
            if each.mark is None:
                continue
            self._roles.add(each.role)
            self.count += each.mark.code == self.code and not each.is_own
            if each.mark.way is Way.POOLED:
                self.pooled = True
                if each.is_visible:
                    self._poolers.add(each.address)

    @property
    def period(self) -> float:
        """
        For how many seconds no other code may be seen.

        It is at most half of the wait: otherwise a single sighting would use it up.
        """
        return 0.0 if self.keeps and not self.pooled else min(QUIET, self.wait / 2)

    @property
    def ago(self) -> float:
        """How many seconds ago other code was seen, or since the start."""
        return self.now - self.seen_at

    @property
    def is_over(self) -> bool:
        """Whether no other code is left, as far as that can be seen."""
        return not self.others and self.ago >= self.period

    def _is_other(self, backend: Backend) -> bool:
        """Return whether a session may belong to other code."""
        mark = backend.mark
        if backend.is_own or any(
            fnmatch.fnmatchcase(backend.name, each) for each in self.ignored
        ):
            return False
        if mark is not None and mark.code == self.code:
            return False
        if mark is None and not self._needs_mark(backend):
            return False
        return self._rested(backend) < QUIET

    def _needs_mark(self, backend: Backend) -> bool:
        """
        Return whether a session without a mark may belong to the old version.

        A session of a role that the project does not use does not. A session that was
        just opened may get its mark in a moment.
        """
        age = GRACE if backend.age is None else backend.age
        is_new = not backend.has_worked and age < GRACE
        return backend.role in self._roles and not is_new

    def _rested(self, backend: Backend) -> float:
        """Return for how many seconds a session has had no client."""
        return backend.rested() if self._is_pooled(backend) else 0.0

    def _is_pooled(self, backend: Backend) -> bool:
        """
        Return whether a session is a pooler's.

        A pooler keeps a session when its client is gone. The session keeps the client's
        name, or has none: after DISCARD ALL, or if the pooler opened it in advance.
        """
        way = backend.mark.way if backend.mark else Way.UNKNOWN
        if way is Way.UNKNOWN:
            return backend.is_visible and backend.address in self._poolers
        return way is Way.POOLED
