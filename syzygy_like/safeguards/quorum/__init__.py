"""
Several parties that apply a plan once, when all have arrived.

They meet in the database, or in a cache. Each has one vote; whoever sees that all are
here leads and applies the plan, and the others wait for what comes of it. See
docs/how-to/several-clusters.rst.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import connections

from syzygy_like.safeguards.interrupts import held_back, stopped_once
from syzygy_like.safeguards.limits import Quorum
from syzygy_like.safeguards.quorum.errors import (
    CacheFault,
    CacheFaultError,
    DifferentSizeError,
    EvictedError,
    MeetingPlaceError,
    PartyClaimedError,
    Place,
    QuorumFailedError,
    QuorumTimeoutError,
    UnfitCacheError,
    UnreachableError,
)
from syzygy_like.safeguards.quorum.events import (
    Arrived,
    Done,
    Elsewhere,
    Led,
    Lost,
    Withdrawn,
)
from syzygy_like.safeguards.quorum.leader import leading
from syzygy_like.safeguards.quorum.meeting import Member
from syzygy_like.safeguards.quorum.participant import Participant
from syzygy_like.safeguards.quorum.store import store_for

__all__ = [
    "Agenda",
    "Arrived",
    "CacheFault",
    "CacheFaultError",
    "DifferentSizeError",
    "Done",
    "Elsewhere",
    "EvictedError",
    "Led",
    "Lost",
    "MeetingPlaceError",
    "PartyClaimedError",
    "Place",
    "Quorum",
    "QuorumFailedError",
    "QuorumTimeoutError",
    "UnfitCacheError",
    "UnreachableError",
    "Withdrawn",
    "joined",
]

# What parties have to agree on to apply it once, None if there is nothing to apply.
Agenda = Sequence[Any] | None


@contextlib.contextmanager
def joined(
    quorum: Quorum,
    alias: str,
    look: Callable[[], Agenda],
    reason: Callable[[BaseException], str],
    tell: Callable[[Any], None],
) -> Iterator[bool]:
    """
    Wait for all parties; lead the run, or wait until another has led it.

    Yields whether another has led it. ``look`` returns what is to be applied; nobody
    is waited for if that is nothing. ``reason`` is what to tell the others of an
    error, ``tell`` is given the events. Raises the errors of this package, and
    Terminated where a signal ends the process while it waits.
    """
    agenda = look()
    if agenda is None:
        yield False
        return
    member = Member(quorum.party, secrets.token_hex(8), quorum.size)
    with contextlib.closing(store_for(alias)) as store:
        attendance = Participant(member, subject_of(agenda), store, tell)
        leads = _meet(attendance, alias, quorum.timeout, look)
    if not leads:
        yield True
        return
    with leading(store, attendance.name, member.token, reason):
        yield False


def _meet(
    attendance: Participant, alias: str, timeout: float, look: Callable[[], Agenda]
) -> bool:
    """
    Attend a meeting; tell whether to lead it. Who does not lead has left.

    What stops jobs (Kubernetes, CI) terminates them: a vote must not outlive that.
    """
    leads = False
    with stopped_once():
        try:
            # Since the look before, others may have met, applied it all and left.
            if not attendance.arrive() or look() is not None:
                _rest(connections[alias])
                leads = attendance.wait(timeout)
        finally:
            if not leads:
                with held_back():
                    attendance.leave()
    return leads


def _rest(connection: Any) -> None:
    """
    Close a connection, which the next query opens again.

    The server might do it while others are waited for; and without autocommit there is
    a transaction, whose locks would be in the way of the one that leads.
    """
    if not connection.in_atomic_block:
        connection.close()


def subject_of(agenda: Sequence[Any]) -> str:
    """Return a digest, by which parties know that they are about the same."""
    text = json.dumps(agenda, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
