"""What has been seen of other code at a database."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable

from syzygy_like.safeguards.rollout.backends import Backend
from syzygy_like.safeguards.rollout.marks import Way

# For how many seconds nothing is to be seen of code whose connections come and go.
QUIET = 60.0
# How many seconds a connection has from its start until it is marked.
GRACE = 5.0

Backends = tuple[Backend, ...]


@dataclasses.dataclass(frozen=True)
class OthersSeen:
    """Other code is connected, or was at work lately; said when it changes."""

    alias: str
    backends: Backends


@dataclasses.dataclass(frozen=True)
class Watching:
    """
    No other code is connected, but connections come and go; said once.

    ``seconds`` is for how long that has to stay so. ``pooled`` tells whether there is a
    pooler, else connections are not kept open.
    """

    alias: str
    seconds: float
    pooled: bool


@dataclasses.dataclass(frozen=True)
class RolledOut:
    """
    No connection of other code is left.

    ``count`` is the number of those of this code. ``seconds`` is for how long that has
    been watched, 0 where connections stay open, or where only one look was wanted.
    """

    alias: str
    count: int
    seconds: float
    pooled: bool


class RolloutUnfinishedError(Exception):
    """
    Other code is still connected, or was at work lately.

    ``backends`` are those seen last, ``ago`` seconds ago; ``code`` is the id of this
    code; ``wait`` is for how many seconds it was waited.
    """

    def __init__(
        self, alias: str, code: str, wait: float, ago: float, backends: Backends
    ):
        super().__init__(alias, code, wait, ago, backends)
        self.alias = alias
        self.code = code
        self.wait = wait
        self.ago = ago
        self.backends = backends


class Watch:
    """
    Looks at sessions again and again.

    Code has the id ``code``; ``ignored`` are patterns of names that are no code of the
    project's. ``keeps`` tells whether the project keeps its connections open.
    ``wait`` is for how many seconds it is waited, and ``now`` the time, in seconds of
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

    def look(self, backends: Iterable[Backend], now: float) -> None:
        """Take in what is to be seen at a time."""
        backends = list(backends)
        self.now = now
        self._learn(backends)
        self.others = tuple(each for each in backends if self._is_other(each))
        if self.others:
            self.last = self.others
            rested = min(self._rested(each) for each in self.others)
            self.seen_at = max(self.seen_at, now - rested)

    def _learn(self, backends: list[Backend]) -> None:
        """Learn who the project connects as, and where its poolers are."""
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
        For how many seconds nothing of other code is to be seen.

        It is half of the wait at most: else a single sighting would use it up.
        """
        return 0.0 if self.keeps and not self.pooled else min(QUIET, self.wait / 2)

    @property
    def ago(self) -> float:
        """How many seconds ago other code was seen, or since the start."""
        return self.now - self.seen_at

    @property
    def is_over(self) -> bool:
        """Whether no other code is left, as far as can be told."""
        return not self.others and self.ago >= self.period

    def _is_other(self, backend: Backend) -> bool:
        """Tell whether a session may be one of other code."""
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
        Tell whether a session without a mark may be one of the project's old code.

        A role that has nothing to do with the project is not. A session that was just
        opened may be about to have its mark.
        """
        age = GRACE if backend.age is None else backend.age
        is_new = not backend.has_worked and age < GRACE
        return backend.role in self._roles and not is_new

    def _rested(self, backend: Backend) -> float:
        """Return for how many seconds there has been no client at a session."""
        return backend.rested() if self._is_pooled(backend) else 0.0

    def _is_pooled(self, backend: Backend) -> bool:
        """
        Tell whether a session is a pooler's.

        A pooler keeps it when its client is gone, and the name of the client with it,
        or none: after DISCARD ALL, or if it has opened it in advance.
        """
        way = backend.mark.way if backend.mark else Way.UNKNOWN
        if way is Way.UNKNOWN:
            return backend.is_visible and backend.address in self._poolers
        return way is Way.POOLED
