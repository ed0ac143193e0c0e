"""Databases that a rehearsal has no scratch database for: nobody may use them."""

from __future__ import annotations

from typing import Any


class NotRehearsedError(Exception):
    """Something was about to connect to a database that is not rehearsed."""

    def __init__(self, alias: str):
        super().__init__(alias)
        self.alias = alias


def guarded(settings: dict[str, Any]) -> dict[str, Any]:
    """
    Return settings of a database with which each attempt to connect is an error.

    They name a backend of ours, so that they work in every thread (Django's settings
    reference, "ENGINE"). All that needs no connection is as with the real backend.
    """
    return {**settings, "ENGINE": __name__, "GUARDED_ENGINE": settings["ENGINE"]}
