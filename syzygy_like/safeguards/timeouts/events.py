"""What happens while statements are limited."""

from __future__ import annotations

import dataclasses

from syzygy_like.safeguards.timeouts.blockers import Blocker


@dataclasses.dataclass(frozen=True)
class Retry:
    """
    A migration could not have a lock, and is tried again after ``delay`` seconds.

    It is the retry of this number, out of ``retries``. ``is_deadlock`` tells whether it
    was in a deadlock, and has not only waited too long.
    """

    name: str
    number: int
    retries: int
    delay: float
    statement: str
    blockers: tuple[Blocker, ...]
    is_deadlock: bool = False


@dataclasses.dataclass(frozen=True)
class Unlimited:
    """A statement is in no transaction, behind a pooler that keeps no session."""

    alias: str
    statement: str
