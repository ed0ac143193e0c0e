"""One party at a meeting, from its arrival until it leads or the meeting is over."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable

from syzygy_like.safeguards.quorum.errors import (
    DifferentSizeError,
    Done,
    EvictedError,
    Led,
    MeetingPlaceError,
    PartyClaimedError,
    QuorumFailedError,
    QuorumTimeoutError,
    UnreachableError,
)
from syzygy_like.safeguards.quorum.liveness import Announcer, Liveness
from syzygy_like.safeguards.quorum.meeting import (
    Meeting,
    Meetings,
    Member,
    Phase,
    Transition,
)
from syzygy_like.safeguards.quorum.store import Store

# How often a party sends a heartbeat and looks at the meeting, in seconds.
INTERVAL = 1.0
# After how many seconds without a heartbeat a process is lost.
SILENCE = 30.0
# How long to try again when a party leaves and the place does not answer, in seconds.
FAREWELL = 3.0
# How long to try again otherwise, in seconds.
OUTAGE = 600.0


class Participant:
    """A process that speaks for a party at the meeting about a subject."""

    def __init__(
        self, member: Member, subject: str, store: Store, tell: Callable[[object], None]
    ):
        self.member = member
        self.subject = subject
        self.store = store
        self.tell = tell
        self.liveness = Liveness(SILENCE)
        self.announcer = Announcer(member, self.liveness, tell)
        self.name = secrets.token_hex(8)
        self._looked = time.monotonic()

    def arrive(self) -> bool:
        """Arrive; return whether that begins a new meeting."""
        new = self.name

        def step(meetings: Meetings) -> Meetings:
            return meetings.arrive(self.subject, self.member, new)

        meetings = self._change(step, SILENCE)
        meeting = next(
            each for each in meetings.meetings if each.member(self.member.token)
        )
        self.name = meeting.name
        self._see(meeting, meetings)
        return self.name == new

    def leave(self) -> None:
        """Leave, whatever the meeting's phase is."""
        token = self.member.token
        with contextlib.suppress(MeetingPlaceError):
            self._change(
                lambda each: each.change(self.name, lambda each: each.leave(token)),
                # Ctrl-C may have cut the connection.
                outage=FAREWELL,
            )

    def wait(self, timeout: float) -> bool:
        """
        Wait for the others and for the leader; return whether this party leads.

        ``timeout`` is how many seconds to wait until all are here; it takes at least
        three looks to be certain. Raises the errors of this package; the party has not
        left then.
        """
        deadline = time.monotonic() + max(timeout, 3 * INTERVAL)
        before = Meeting(self.name, self.subject)
        while True:
            meeting, meetings = self._look()
            if self._is_due(meeting):
                meeting = self._lead(meeting)
            elif meeting.phase is Phase.GATHERING and time.monotonic() >= deadline:
                meeting = self._give_up(timeout, meeting, meetings)
            if meeting.leader != before.leader:
                self._tell_leader(meeting, before.led_by)
            if meeting.phase is Phase.FAILED:
                raise QuorumFailedError(meeting.led_by, meeting.reason)
            if meeting.phase is Phase.DONE:
                self.tell(Done(meeting.led_by))
                return False
            if meeting.leader == self.member.token:
                return True
            before = meeting
            time.sleep(INTERVAL)

    def _tell_leader(self, meeting: Meeting, former: str) -> None:
        is_own = meeting.leader == self.member.token
        self.tell(Led(meeting.led_by, is_own, former, SILENCE if former else 0.0))

    def _is_due(self, meeting: Meeting) -> bool:
        """Return whether a party has to lead; it may be this one."""
        if meeting.phase is Phase.APPLYING:
            is_there = meeting.member(meeting.leader) is not None
            return not is_there or self.liveness.is_lost(meeting.leader)
        return meeting.is_open and self._is_complete(meeting)

    def _is_complete(self, meeting: Meeting) -> bool:
        """Return whether all parties are certainly here."""
        return len(self._certain(meeting)) >= self.member.size

    def _certain(self, meeting: Meeting) -> list[str]:
        """Return the parties that are certainly here, and wait for the same number."""
        return [
            each.party
            for each in meeting.members
            if each.token == self.member.token or self.liveness.is_heard(each.token)
            if each.size == self.member.size
        ]

    def _lead(self, meeting: Meeting) -> Meeting:
        """Try to lead; return the meeting, which another party may lead now."""
        token = self.member.token
        return self._step(lambda each: each.lead(token, meeting.leader))[0]

    def _give_up(self, timeout: float, meeting: Meeting, meetings: Meetings) -> Meeting:
        """Withdraw the vote. Return the meeting if another party leads it now."""
        token = self.member.token
        after = self._change(
            lambda each: each.change(self.name, lambda each: each.withdraw(token))
        ).get(self.name)
        if after is not None and after.member(token):
            return after
        raise QuorumTimeoutError(
            self.member.size,
            timeout,
            self._certain(meeting),
            self.announcer.elsewhere(meeting, meetings),
        )

    def _look(self) -> tuple[Meeting, Meetings]:
        """Send a heartbeat; return the meeting, and all meetings."""
        token = self.member.token
        meeting, meetings = self._step(lambda each: each.add_heartbeat(token))
        if not meeting.member(token):
            if meeting.has_party(self.member.party):
                raise PartyClaimedError(self.member.party)
            # Another party has taken this process for lost.
            meeting, meetings = self._step(lambda each: each.arrive(self.member))
        self._see(meeting, meetings)
        return meeting, meetings

    def _see(self, meeting: Meeting, meetings: Meetings) -> None:
        """Note who is alive, and announce who is here."""
        now = time.monotonic()
        # Others went on while this process was stopped, or the place did not answer.
        elapsed = min(now - self._looked, 2 * INTERVAL)
        self.liveness.observe(meetings.heartbeats, elapsed)
        self._looked = now
        if meeting.phase is Phase.GATHERING:
            self.announcer.announce(meeting, meetings)
            self._refuse_sizes(meeting)

    def _refuse_sizes(self, meeting: Meeting) -> None:
        """Raise DifferentSizeError if a party that was here first has another size."""
        for each in meeting.members:
            if each.token == self.member.token:
                return
            if each.size != self.member.size and self.liveness.is_heard(each.token):
                raise DifferentSizeError(self.member.size, each.party, each.size)

    def _step(self, step: Callable[[Meeting], Meeting]) -> tuple[Meeting, Meetings]:
        """Change the meeting by a step. Raises EvictedError if it is gone."""
        lost = self.liveness.lost
        meetings = self._change(lambda each: each.forget(lost).change(self.name, step))
        meeting = meetings.get(self.name)
        if meeting is None:
            raise EvictedError(self.store.place)
        return meeting, meetings

    def _change(self, step: Transition, outage: float = OUTAGE) -> Meetings:
        """Change the meetings; wait ``outage`` seconds for the place to answer."""
        deadline = time.monotonic() + outage
        while True:
            try:
                return self.store.change(step)
            except UnreachableError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(INTERVAL)
