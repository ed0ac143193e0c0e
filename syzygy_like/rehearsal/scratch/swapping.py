"""Databases that stand in for those of the settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connections

from syzygy_like.safeguards.interrupts import held_back


@contextlib.contextmanager
def standing_in(settings: Mapping[str, dict[str, Any]]) -> Iterator[None]:
    """
    Let aliases have other settings, in this thread and in those started meanwhile.

    The connections that this thread has stay as they are, open or not, and come back
    at the end with the very dicts of their settings. Those made meanwhile are closed.
    """
    before = {alias: connections.settings[alias] for alias in settings}
    own: dict[str, Any] = {}
    try:
        with held_back():
            own = _take(settings)
            connections.settings.update(settings)
        yield
    finally:
        with held_back():
            connections.settings.update(before)
            for connection in _take(settings).values():
                with contextlib.suppress(Exception):  # it may be broken
                    connection.close()
            for alias, connection in own.items():
                connections[alias] = connection


def _take(aliases: Mapping[str, object]) -> dict[str, Any]:
    """Return the connections that this thread has, and let it have them no more."""
    found = {each.alias: each for each in connections.all(initialized_only=True)}
    taken = {alias: found[alias] for alias in aliases if alias in found}
    for alias in taken:
        del connections[alias]
    return taken
