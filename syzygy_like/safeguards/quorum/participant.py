"""One party at a meeting, from when it arrives until it leads, or all is over."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from syzygy_like.safeguards.quorum.announcer import Announcer
from syzygy_like.safeguards.quorum.errors import (
    DifferentSizeError,
    EvictedError,
    MeetingPlaceError,
    PartyClaimedError,
    QuorumFailedError,
    QuorumTimeoutError,
    UnreachableError,
)
from syzygy_like.safeguards.quorum.events import Done, Led
from syzygy_like.safeguards.quorum.liveness import Liveness
from syzygy_like.safeguards.quorum.meeting import Meeting, Meetings, Member, Phase
from syzygy_like.safeguards.quorum.store import Step, Store

# How often a party looks and beats, in seconds.
INTERVAL = 1.0
# After how many seconds without a beat a process is taken for dead.
SILENCE = 30.0
# How long the place may not answer when a party leaves, in seconds.
FAREWELL = 3.0
# How long it may not answer while the others are waited for, in seconds.
OUTAGE = 600.0


class Participant:
    """A process that speaks for a party at the meeting about a subject."""

    def __init__(
        self, member: Member, subject: str, store: Store, tell: Callable[[Any], None]
    ):
        self.member = member
        self.subject = subject
        self.store = store
        self.tell = tell
        self.watch = Liveness(SILENCE)
        self.roll = Announcer(member, self.watch, tell)
        self.name = secrets.token_hex(8)
        self._looked = time.monotonic()

    def arrive(self) -> bool:
        """Arrive, and tell whether the meeting begins with that."""
        begun = self.name

        def step(meetings: Meetings) -> Meetings:
            return meetings.arrive(self.subject, self.member, begun)

        meetings = self._change(step, SILENCE)
        meeting = next(
            each for each in meetings.meetings if each.member(self.member.token)
        )
        self.name = meeting.name
        self._see(meeting, meetings)
        return self.name == begun

    def leave(self) -> None:
        """Leave, whatever the meeting has come to."""
        token = self.member.token
        with contextlib.suppress(MeetingPlaceError):
            self._change(
                lambda each: each.change(self.name, lambda each: each.leave(token)),
                # Ctrl-C may have cut the connection.
                retry_policy=FAREWELL,
            )

    def wait(self, timeout: float) -> bool:
        """
        Wait for the others, and for the one that leads; tell whether it is this one.

        ``timeout`` is how long to wait until all are here, in seconds; it takes three
        looks to be certain of who is. Raises the errors of this package; the party is
        here still.
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
        """Tell whether somebody has to lead, who may be this one."""
        if meeting.phase is Phase.APPLYING:
            is_there = meeting.member(meeting.leader) is not None
            return not is_there or self.watch.is_lost(meeting.leader)
        return meeting.is_open and self._is_complete(meeting)

    def _is_complete(self, meeting: Meeting) -> bool:
        """Tell whether so many are certain to be here, this one among them."""
        return len(self._certain(meeting)) >= self.member.size

    def _certain(self, meeting: Meeting) -> list[str]:
        """Return the parties that are here without doubt, and wait for as many."""
        return [
            each.party
            for each in meeting.members
            if each.token == self.member.token or self.watch.is_heard(each.token)
            if each.size == self.member.size
        ]

    def _lead(self, meeting: Meeting) -> Meeting:
        """Try to lead; return the meeting, which another one may lead now."""
        token = self.member.token
        return self._step(lambda each: each.lead(token, meeting.leader))[0]

    def _give_up(self, timeout: float, meeting: Meeting, meetings: Meetings) -> Meeting:
        """Withdraw the vote. Returns the meeting if another one leads now."""
        token = self.member.token
        after = self._change(
            lambda each: each.change(self.name, lambda each: each.withdraw(token))
        ).named(self.name)
        if after is not None and after.member(token):
            return after
        raise QuorumTimeoutError(
            self.member.size,
            timeout,
            self._certain(meeting),
            self.roll.elsewhere(meeting, meetings),
        )

    def _look(self) -> tuple[Meeting, Meetings]:
        """Beat, and return the meeting, with all that there are."""
        token = self.member.token
        meeting, meetings = self._step(lambda each: each.beat(token))
        if not meeting.member(token):
            if meeting.speaks(self.member.party):
                raise PartyClaimedError(self.member.party)
            # Somebody took this process for dead.
            meeting, meetings = self._step(lambda each: each.arrive(self.member))
        self._see(meeting, meetings)
        return meeting, meetings

    def _see(self, meeting: Meeting, meetings: Meetings) -> None:
        """Note who is alive, and tell who is here."""
        now = time.monotonic()
        # While this process was stopped, or the place silent, others were not.
        elapsed = min(now - self._looked, 2 * INTERVAL)
        self.watch.look(meetings.beats, elapsed)
        self._looked = now
        if meeting.phase is Phase.GATHERING:
            self.roll.call(meeting, meetings)
            self._refuse_sizes(meeting)

    def _refuse_sizes(self, meeting: Meeting) -> None:
        """Raise DifferentSizeError if one that was here before has another size."""
        for each in meeting.members:
            if each.token == self.member.token:
                return
            if each.size != self.member.size and self.watch.is_heard(each.token):
                raise DifferentSizeError(self.member.size, each.party, each.size)

    def _step(self, step: Callable[[Meeting], Meeting]) -> tuple[Meeting, Meetings]:
        """Make a step in the meeting. Raises EvictedError if there is none any more."""
        lost = self.watch.lost
        meetings = self._change(lambda each: each.forget(lost).change(self.name, step))
        meeting = meetings.named(self.name)
        if meeting is None:
            raise EvictedError(self.store.place)
        return meeting, meetings

    def _change(self, step: Step, retry_policy: float = OUTAGE) -> Meetings:
        """Change the meetings, waiting for the place to answer some seconds."""
        deadline = time.monotonic() + retry_policy
        while True:
            try:
                return self.store.change(step)
            except UnreachableError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(INTERVAL)
