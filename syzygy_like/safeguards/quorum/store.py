"""Where meetings are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from syzygy_like import conf
from syzygy_like.safeguards.quorum.errors import Place
from syzygy_like.safeguards.quorum.meeting import Meetings

Step = Callable[[Meetings], Meetings]


class Store(Protocol):
    """
    Keeps the meetings about one database, for all processes. A thread has its own.

    Errors are MeetingPlaceError, and UnreachableError where it may go better later.
    """

    place: Place

    def change(self, step: Step) -> Meetings:
        """
        Put what a function makes of the meetings in their place, and return that.

        Nothing comes between; so the function may be called more than once.
        """

    def another(self) -> Store:
        """Return the same store, for another thread."""

    def close(self) -> None:
        """Close what was opened for it."""


def store_for(alias: str) -> Store:
    """Return where the parties that migrate a database meet, by the settings."""
    cache = conf.quorum_cache()
    if cache is None:
        from syzygy_like.safeguards.quorum.database_store import Table

        return Table(alias)
    from syzygy_like.safeguards.quorum.cache_store import Cache

    return Cache(cache, alias)
