"""What happens while parties meet."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Arrived:
    """A party is here, so there are ``count`` of ``size``."""

    party: str
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Withdrawn:
    """A party has left before all were here."""

    party: str
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Lost:
    """A party was not heard of for some seconds, and does not count."""

    party: str
    count: int
    size: int
    silence: float


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """Parties are at a meeting about something else; here are ``count`` of ``size``."""

    parties: tuple[str, ...]
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Led:
    """
    A party applies the plan.

    ``former`` is the one that did, but was not heard of for ``silence`` seconds.
    """

    party: str
    is_own: bool
    former: str = ""
    silence: float = 0.0


@dataclasses.dataclass(frozen=True)
class Done:
    """A party has applied the plan."""

    party: str
