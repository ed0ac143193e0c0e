"""
Joining a quorum: several parties apply a plan once, when all of them have arrived.

They meet in the database, or in a cache. Each has one vote. The party that finds all
the others here leads and applies the plan; the others wait for its result. See
docs/how-to/several-clusters.rst.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from django.core.cache import caches
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.interrupts import held_back, stopped_once
from syzygy_like.safeguards.limits import Quorum
from syzygy_like.safeguards.quorum import participant
from syzygy_like.safeguards.quorum.errors import MeetingPlaceError
from syzygy_like.safeguards.quorum.meeting import Meeting, Member, Phase
from syzygy_like.safeguards.quorum.participant import Participant
from syzygy_like.safeguards.quorum.store import Store, store_for

# What parties have to agree on to apply it once, None if there is nothing to apply.
Agenda = Sequence[object] | None

# How often the leader tries to report its result. If it cannot, the others notice that
# its heartbeats have stopped.
TRIES = 10
# How long to wait for that, in seconds: a network may not answer at all.
REPORT_TIMEOUT = 60.0


@contextlib.contextmanager
def join_quorum(
    quorum: Quorum,
    alias: str,
    look: Callable[[], Agenda],
    reason: Callable[[BaseException], str],
    tell: Callable[[object], None],
) -> Iterator[bool]:
    """
    Wait for all parties, then lead the run, or wait until another party has led it.

    Yields whether another party has led it. ``look`` returns what is to be applied; if
    that is nothing, there is no wait. ``reason`` returns what to tell the others of an
    error; ``tell`` gets the events. Raises the errors of this package, and Terminated
    where a signal ends the process while it waits.
    """
    agenda = look()
    if agenda is None:
        yield False
        return
    member = Member(quorum.party, secrets.token_hex(8), quorum.size)
    with contextlib.closing(store_for(alias)) as store:
        party = Participant(member, subject_of(agenda), store, tell)
        leads = _meet(party, alias, quorum.timeout, look)
    if not leads:
        yield True
        return
    with _lead(store, party.name, member.token, reason):
        yield False


def _meet(
    party: Participant, alias: str, timeout: float, look: Callable[[], Agenda]
) -> bool:
    """
    Attend a meeting; return whether to lead it. A party that does not lead has left.

    Kubernetes and CI terminate the jobs that they stop: no vote may outlive that.
    """
    leads = False
    with stopped_once():
        try:
            # Since the first look, others may have met, applied it all and left.
            if not party.arrive() or look() is not None:
                _rest(connections[alias])
                leads = party.wait(timeout)
        finally:
            if not leads:
                with held_back():
                    party.leave()
    return leads


def _rest(connection: BaseDatabaseWrapper) -> None:
    """
    Close a connection; the next query opens it again.

    The server might close it during the wait. Without autocommit it is in a
    transaction, whose locks would block the party that leads.
    """
    if not connection.in_atomic_block:
        connection.close()


def subject_of(agenda: Sequence[object]) -> str:
    """Return a digest, the same for all parties that want to apply the same."""
    text = json.dumps(agenda, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@contextlib.contextmanager
def _lead(
    store: Store, name: str, token: str, reason: Callable[[BaseException], str]
) -> Iterator[None]:
    """Lead the meeting of a name, and close it as done or failed."""
    leader = Leader(store, name, token)
    leader.start()
    try:
        yield
    except BaseException as error:
        leader.close(Phase.FAILED, reason(error))
        raise
    leader.close(Phase.DONE)


class Leader(threading.Thread):
    """
    Sends heartbeats until the meeting is closed.

    It has connections of its own: those of the migrations are busy, and may be broken
    after an error.
    """

    def __init__(self, store: Store, name: str, token: str):
        super().__init__(name="syzygy_like.safeguards.quorum", daemon=True)
        self.store = store
        self.meeting = name
        self.token = token
        self._outcome = (Phase.FAILED, "")
        self._is_over = threading.Event()

    def run(self) -> None:
        """Send heartbeats, and report the result in the end."""
        self.store = self.store.another()  # which belongs to this thread
        try:
            while not self._is_over.wait(participant.INTERVAL):
                self._try(lambda each: each.add_heartbeat(self.token))
            self._report(*self._outcome)
        finally:
            self.store.close()
            # Those of this thread: a cache may be in a database.
            connections.close_all()
            caches.close_all()

    def _report(self, phase: Phase, reason: str) -> None:
        for _ in range(TRIES):
            if self._try(lambda each: each.close(self.token, phase, reason)):
                return
            time.sleep(participant.INTERVAL)

    def close(self, phase: Phase, reason: str = "") -> None:
        """Report the result of the meeting, and wait until that is done."""
        self._outcome = (phase, reason)
        self._is_over.set()
        self.join(REPORT_TIMEOUT)

    def _try(self, step: Callable[[Meeting], Meeting]) -> bool:
        """Change the meeting; return whether the place has answered."""
        try:
            self.store.change(lambda each: each.change(self.meeting, step))
        except MeetingPlaceError:
            return False
        return True
