"""What happens while parties meet, and what can go wrong."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Arrived:
    """An event: a party has arrived; ``count`` of ``size`` are here."""

    party: str
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Withdrawn:
    """An event: a party has left before all were here."""

    party: str
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Lost:
    """An event: a party sent no heartbeat for some seconds, and no longer counts."""

    party: str
    count: int
    size: int
    silence: float


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """An event: parties meet about something else; ``count`` of ``size`` are here."""

    parties: tuple[str, ...]
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Led:
    """
    An event: a party applies the plan.

    ``former`` is the party that applied it before, but sent no heartbeat for
    ``silence`` seconds; "" if there is none.
    """

    party: str
    is_own: bool
    former: str = ""
    silence: float = 0.0


@dataclasses.dataclass(frozen=True)
class Done:
    """An event: a party has applied the plan."""

    party: str


@dataclasses.dataclass(frozen=True)
class Place:
    """
    Where parties meet: the alias of a database, or of a cache.

    ``path`` is the file beside an SQLite database, "" elsewhere.
    """

    alias: str
    is_cache: bool = False
    path: str = ""


@dataclasses.dataclass(eq=False)
class QuorumTimeoutError(Exception):
    """
    Not all ``size`` parties have arrived within ``timeout`` seconds.

    The vote is withdrawn. ``parties`` are those that were here, ``elsewhere`` those
    that meet about something else.
    """

    size: int
    timeout: float
    parties: Sequence[str]
    elsewhere: Sequence[str] = ()


@dataclasses.dataclass(eq=False)
class QuorumFailedError(Exception):
    """The party that led has failed; ``reason`` is its message, "" if stopped."""

    party: str
    reason: str


@dataclasses.dataclass(eq=False)
class PartyClaimedError(Exception):
    """Another process has arrived that claims to be the same party."""

    party: str


@dataclasses.dataclass(eq=False)
class DifferentSizeError(Exception):
    """A party that was here first waits for another number of parties."""

    size: int
    party: str
    other: int


@dataclasses.dataclass(eq=False)
class EvictedError(Exception):
    """The place where the parties meet has lost their votes."""

    place: Place


@dataclasses.dataclass(eq=False)
class UnfitCacheError(Exception):
    """A cache in which processes cannot meet; ``backend`` is the name of its class."""

    alias: str
    backend: str


class CacheFault(enum.Enum):
    """What a cache may do without raising an error."""

    FORGETS = enum.auto()
    LOCKED = enum.auto()


@dataclasses.dataclass(eq=False)
class CacheFaultError(Exception):
    """A cache does not do what it is asked to do."""

    fault: CacheFault


@dataclasses.dataclass(eq=False)
class MeetingPlaceError(Exception):
    """Parties cannot meet at a place, because of ``error``."""

    place: Place
    error: Exception


class UnreachableError(MeetingPlaceError):
    """A place does not answer, but may answer later."""
