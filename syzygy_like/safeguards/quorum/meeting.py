"""
What parties have agreed on so far, as data, and the steps that change it.

No step depends on the time, and each may be repeated. A step that is not possible
changes nothing: the caller looks at the result.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Collection
from typing import Any

# Meetings whose members were all killed stay until another party finds that they are
# lost, or until this many others have begun.
KEPT = 20


class Phase(enum.Enum):
    """How far a meeting is. A meeting that is done or failed stays so."""

    GATHERING = "gathering"
    APPLYING = "applying"
    DONE = "done"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Member:
    """
    A process that speaks for a party.

    ``token`` tells it from others of the same party; ``size`` is how many parties it
    waits for; ``heartbeats`` grows for as long as it is alive.
    """

    party: str
    token: str
    size: int
    heartbeats: int = 0


@dataclasses.dataclass(frozen=True)
class Meeting:
    """
    Parties that apply the same plan once.

    ``name`` tells it from others about the same ``subject``. ``leader`` is the token of
    the member that applies the plan, ``led_by`` its party; ``reason`` is why that has
    failed.
    """

    name: str
    subject: str
    phase: Phase = Phase.GATHERING
    members: tuple[Member, ...] = ()
    leader: str = ""
    led_by: str = ""
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a party may still arrive."""
        return self.phase in (Phase.GATHERING, Phase.APPLYING)

    def member(self, token: str) -> Member | None:
        """Return a member, None if it is not here."""
        return next((each for each in self.members if each.token == token), None)

    def has_party(self, party: str) -> bool:
        """Return whether any process speaks for a party."""
        return any(each.party == party for each in self.members)

    def arrive(self, member: Member) -> Meeting:
        """Add a member, in place of one of the same party that does not lead."""
        if not self.is_open or self.member(member.token):
            return self
        others = [
            each
            for each in self.members
            if each.party != member.party or each.token == self.leader
        ]
        return dataclasses.replace(self, members=(*others, member))

    def add_heartbeat(self, token: str) -> Meeting:
        """Note that a member is alive."""
        members = tuple(
            dataclasses.replace(each, heartbeats=each.heartbeats + 1)
            if each.token == token
            else each
            for each in self.members
        )
        return dataclasses.replace(self, members=members)

    def lead(self, token: str, instead_of: str = "") -> Meeting:
        """Let a member lead if ``instead_of`` has led so far: by default, nobody."""
        member = self.member(token)
        if not self.is_open or self.leader != instead_of or member is None:
            return self
        left = tuple(each for each in self.members if each.token != instead_of)
        return dataclasses.replace(
            self,
            phase=Phase.APPLYING,
            members=left,
            leader=token,
            led_by=member.party,
        )

    def close(self, token: str, phase: Phase, reason: str = "") -> Meeting:
        """Let the leader leave, and tell the others its result."""
        if self.leader != token or self.phase is not Phase.APPLYING:
            return self
        closed = dataclasses.replace(self, phase=phase, reason=reason)
        return closed.leave(token)

    def withdraw(self, token: str) -> Meeting:
        """Withdraw a vote, unless the plan is being applied already."""
        return self.leave(token) if self.phase is Phase.GATHERING else self

    def leave(self, token: str) -> Meeting:
        """Remove a member."""
        left = tuple(each for each in self.members if each.token != token)
        return dataclasses.replace(self, members=left)


@dataclasses.dataclass(frozen=True)
class Meetings:
    """All meetings about a database that have members, the oldest first."""

    meetings: tuple[Meeting, ...] = ()

    def get(self, name: str) -> Meeting | None:
        """Return the meeting of a name, None if it is over."""
        return next((each for each in self.meetings if each.name == name), None)

    def open_about(self, subject: str) -> Meeting | None:
        """Return the open meeting about a subject, None if there is none."""
        found = (each for each in self.meetings if each.subject == subject)
        return next((each for each in found if each.is_open), None)

    def arrive(self, subject: str, member: Member, name: str) -> Meetings:
        """Let a member arrive at the meeting about a subject, or begin one."""
        meeting = self.open_about(subject)
        if meeting is not None:
            return self.change(meeting.name, lambda each: each.arrive(member))
        begun = Meeting(name, subject).arrive(member)
        return Meetings((*self.meetings[1 - KEPT :], begun))

    def change(self, name: str, step: Callable[[Meeting], Meeting]) -> Meetings:
        """Change a meeting by a step; it is over when no member is left."""
        changed = (step(each) if each.name == name else each for each in self.meetings)
        return Meetings(tuple(each for each in changed if each.members))

    def forget(self, lost: Collection[str]) -> Meetings:
        """Remove meetings whose members are all among ``lost``, by their tokens."""
        left = (
            each
            for each in self.meetings
            if any(member.token not in lost for member in each.members)
        )
        return Meetings(tuple(left))

    @property
    def heartbeats(self) -> dict[str, int]:
        """The heartbeats of all members, by token."""
        return {
            member.token: member.heartbeats
            for each in self.meetings
            for member in each.members
        }


# What a party does to the meetings that are kept.
Transition = Callable[[Meetings], Meetings]


def dumps(meetings: Meetings) -> str:
    """Return meetings as JSON."""
    plain = dataclasses.asdict(meetings)["meetings"]
    return json.dumps(plain, default=lambda phase: phase.value)


def loads(text: Any) -> Meetings:
    """Return the meetings from JSON. Raises ValueError if it is something else."""
    try:
        return Meetings(tuple(_meeting(**each) for each in json.loads(text)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text!r}: {error}") from error


def _meeting(phase: str, members: list[dict[str, Any]], **others: str) -> Meeting:
    there = tuple(Member(**each) for each in members)
    return Meeting(phase=Phase(phase), members=there, **others)
