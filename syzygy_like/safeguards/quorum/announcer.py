"""Who is here, told once each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syzygy_like.safeguards.quorum.events import Arrived, Elsewhere, Lost, Withdrawn
from syzygy_like.safeguards.quorum.liveness import Liveness
from syzygy_like.safeguards.quorum.meeting import Meeting, Meetings, Member, Phase


class Announcer:
    """What has been told about the parties that gather, from one member's view."""

    def __init__(self, own: Member, watch: Liveness, tell: Callable[[Any], None]):
        self.own = own
        self.watch = watch
        self.tell = tell
        self._here: list[str] | None = None
        self._elsewhere: tuple[str, ...] = ()

    def call(self, meeting: Meeting, meetings: Meetings) -> None:
        """Tell what has changed since the last time."""
        self._call_here(meeting)
        elsewhere = self.elsewhere(meeting, meetings)
        if elsewhere and elsewhere != self._elsewhere:
            self.tell(Elsewhere(elsewhere, *self._count(meeting)))
        self._elsewhere = elsewhere

    def here(self, meeting: Meeting) -> list[str]:
        """Return the parties that are here, unless they are lost."""
        members = meeting.members
        return [each.party for each in members if not self.watch.is_lost(each.token)]

    def elsewhere(self, meeting: Meeting, meetings: Meetings) -> tuple[str, ...]:
        """Return the parties that wait at another meeting."""
        return tuple(
            member.party
            for each in meetings.meetings
            if each.phase is Phase.GATHERING and each.name != meeting.name
            for member in each.members
            if self.watch.is_heard(member.token)
        )

    def _call_here(self, meeting: Meeting) -> None:
        before, here = self._here, self.here(meeting)
        count, size = self._count(meeting)
        new = [self.own.party] if before is None else [*here]
        for party in new:
            if before is None or party not in before:
                self.tell(Arrived(party, count, size))
        for party in before or ():
            if party not in here:
                silence = self.watch.limit
                if meeting.speaks(party):
                    self.tell(Lost(party, count, size, silence))
                else:
                    self.tell(Withdrawn(party, count, size))
        self._here = here

    def _count(self, meeting: Meeting) -> tuple[int, int]:
        return len(self.here(meeting)), self.own.size
