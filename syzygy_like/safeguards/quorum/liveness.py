"""Who is alive, as one party sees it."""

from __future__ import annotations

from collections.abc import Mapping


class Liveness:
    """
    Tells the living from the dead by their beats, and by no clock but one's own.

    ``limit`` is the number of seconds without a beat after which a process is lost.
    What was there at the first look may be what a dead one has left: it is heard of
    when it beats. What comes later has just come.
    """

    def __init__(self, limit: float):
        self.limit = limit
        self._beats: dict[str, int] | None = None
        self._silence: dict[str, float] = {}
        self._heard: set[str] = set()

    def look(self, beats: Mapping[str, int], elapsed: float) -> None:
        """Take in the beats by token, some seconds after the last look."""
        first, before = self._beats is None, self._beats or {}
        silence = {}
        for token, beat in beats.items():
            if before.get(token) == beat:
                silence[token] = self._silence[token] + elapsed
                continue
            silence[token] = 0.0
            if not first:
                self._heard.add(token)
        self._beats, self._silence = dict(beats), silence
        self._heard &= beats.keys()

    def is_heard(self, token: str) -> bool:
        """Tell whether a process is certain to have been alive of late."""
        return token in self._heard and not self.is_lost(token)

    def is_lost(self, token: str) -> bool:
        """Tell whether a process has given no sign of life for too long."""
        return self._silence.get(token, 0.0) >= self.limit

    @property
    def lost(self) -> set[str]:
        """The processes that have given no sign of life for too long."""
        return {token for token in self._silence if self.is_lost(token)}
