"""Which processes are alive, as one party sees it, and the events about that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syzygy_like.safeguards.quorum.errors import Arrived, Elsewhere, Lost, Withdrawn
from syzygy_like.safeguards.quorum.meeting import Meeting, Meetings, Member, Phase


class Liveness:
    """
    Tells which processes are alive by their heartbeats, and by this process's clock.

    ``limit`` is the number of seconds without a heartbeat after which a process is
    lost. A process that was here at the first look may have died before; it counts as
    heard when its next heartbeat comes. One that arrives later is heard at once.
    """

    def __init__(self, limit: float):
        self.limit = limit
        self._heartbeats: dict[str, int] | None = None
        self._silence: dict[str, float] = {}
        self._heard: set[str] = set()

    def observe(self, heartbeats: Mapping[str, int], elapsed: float) -> None:
        """Note heartbeats by token, ``elapsed`` seconds after the last look."""
        is_first, before = self._heartbeats is None, self._heartbeats or {}
        silence = {}
        for token, number in heartbeats.items():
            if before.get(token) == number:
                silence[token] = self._silence[token] + elapsed
                continue
            silence[token] = 0.0
            if not is_first:
                self._heard.add(token)
        self._heartbeats, self._silence = dict(heartbeats), silence
        self._heard &= heartbeats.keys()

    def is_heard(self, token: str) -> bool:
        """Return whether a process has certainly been alive of late."""
        return token in self._heard and not self.is_lost(token)

    def is_lost(self, token: str) -> bool:
        """Return whether a process has sent no heartbeat for too long."""
        return self._silence.get(token, 0.0) >= self.limit

    @property
    def lost(self) -> set[str]:
        """The tokens of processes that have sent no heartbeat for too long."""
        return {token for token in self._silence if self.is_lost(token)}


class Announcer:
    """Tells who arrives and who leaves, each once, as one member sees it."""

    def __init__(self, own: Member, liveness: Liveness, tell: Callable[[object], None]):
        self.own = own
        self.liveness = liveness
        self.tell = tell
        self._here: list[str] | None = None
        self._elsewhere: tuple[str, ...] = ()

    def announce(self, meeting: Meeting, meetings: Meetings) -> None:
        """Tell what has changed since the last time."""
        self._announce_here(meeting)
        elsewhere = self.elsewhere(meeting, meetings)
        if elsewhere and elsewhere != self._elsewhere:
            self.tell(Elsewhere(elsewhere, *self._count(meeting)))
        self._elsewhere = elsewhere

    def here(self, meeting: Meeting) -> list[str]:
        """Return the parties that are here and not lost."""
        members = meeting.members
        return [each.party for each in members if not self.liveness.is_lost(each.token)]

    def elsewhere(self, meeting: Meeting, meetings: Meetings) -> tuple[str, ...]:
        """Return the parties that wait at another meeting."""
        return tuple(
            member.party
            for each in meetings.meetings
            if each.phase is Phase.GATHERING and each.name != meeting.name
            for member in each.members
            if self.liveness.is_heard(member.token)
        )

    def _announce_here(self, meeting: Meeting) -> None:
        before, here = self._here, self.here(meeting)
        count, size = self._count(meeting)
        new = [self.own.party] if before is None else [*here]
        for party in new:
            if before is None or party not in before:
                self.tell(Arrived(party, count, size))
        for party in before or ():
            if party not in here:
                if meeting.has_party(party):
                    self.tell(Lost(party, count, size, self.liveness.limit))
                else:
                    self.tell(Withdrawn(party, count, size))
        self._here = here

    def _count(self, meeting: Meeting) -> tuple[int, int]:
        return len(self.here(meeting)), self.own.size
