"""Where meetings are kept."""

from __future__ import annotations

from typing import Protocol

from syzygy_like import conf
from syzygy_like.safeguards.quorum.errors import Place
from syzygy_like.safeguards.quorum.meeting import Meetings, Transition


class Store(Protocol):
    """
    Keeps the meetings about one database, for all processes. Each thread has its own.

    Raises MeetingPlaceError, or UnreachableError where a later try may succeed.
    """

    place: Place

    def change(self, step: Transition) -> Meetings:
        """
        Replace the meetings by what ``step`` returns for them; return the result.

        This is atomic, so ``step`` may be called more than once.
        """

    def another(self) -> Store:
        """Return the same store, for another thread."""

    def close(self) -> None:
        """Close what was opened for it."""


def store_for(alias: str) -> Store:
    """Return where the parties that migrate a database meet, according to settings."""
    cache = conf.quorum_cache()
    if cache is None:
        from syzygy_like.safeguards.quorum.database_store import DatabaseStore

        return DatabaseStore(alias)
    from syzygy_like.safeguards.quorum.cache_store import CacheStore

    return CacheStore(cache, alias)
