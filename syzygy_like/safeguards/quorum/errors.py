"""What can go wrong when parties meet."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Place:
    """
    Where parties meet: the alias of a database, or that of a cache.

    ``path`` is the file beside a database that is one, "" elsewhere.
    """

    alias: str
    is_cache: bool = False
    path: str = ""


class QuorumTimeoutError(Exception):
    """
    Not all parties have arrived in time (seconds); the vote is withdrawn.

    ``parties`` are those that were here, ``elsewhere`` those that are at a meeting
    about something else.
    """

    def __init__(
        self,
        size: int,
        timeout: float,
        parties: Sequence[str],
        elsewhere: Sequence[str] = (),
    ):
        super().__init__(size, timeout, parties, elsewhere)
        self.size = size
        self.timeout = timeout
        self.parties = parties
        self.elsewhere = elsewhere


class QuorumFailedError(Exception):
    """The party that led has failed; ``reason`` is its message, "" if stopped."""

    def __init__(self, party: str, reason: str):
        super().__init__(party, reason)
        self.party = party
        self.reason = reason


class PartyClaimedError(Exception):
    """Another process has come that claims to be the same party."""

    def __init__(self, party: str):
        super().__init__(party)
        self.party = party


class DifferentSizeError(Exception):
    """A party that was here before waits for another number of parties."""

    def __init__(self, size: int, party: str, other: int):
        super().__init__(size, party, other)
        self.size = size
        self.party = party
        self.other = other


class EvictedError(Exception):
    """What the parties have said is gone from where they meet."""

    def __init__(self, place: Place):
        super().__init__(place)
        self.place = place


class UnfitCacheError(Exception):
    """A cache in which processes cannot meet; ``backend`` is the name of its class."""

    def __init__(self, alias: str, backend: str):
        super().__init__(alias, backend)
        self.alias = alias
        self.backend = backend


class CacheFault(enum.Enum):
    """What a cache may do without an error of its own."""

    FORGETS = enum.auto()
    LOCKED = enum.auto()


class CacheFaultError(Exception):
    """A cache does not do what it is asked to."""

    def __init__(self, fault: CacheFault):
        super().__init__(fault)
        self.fault = fault


class MeetingPlaceError(Exception):
    """A place refuses what is needed to meet there; ``error`` is why."""

    def __init__(self, place: Place, error: Exception):
        super().__init__(place, error)
        self.place = place
        self.error = error


class UnreachableError(MeetingPlaceError):
    """A place does not answer, but may do so later."""
