"""Aliases of databases: what the settings say, and other settings for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.rehearsal.scratch.errors import InTransactionError
from syzygy_like.rehearsal.scratch.unreachable.base import Settings
from syzygy_like.safeguards.interrupts import held_back


def refuse_transaction(alias: str) -> None:
    """Raise InTransactionError if the connection is in one."""
    if connections[alias].in_atomic_block:
        raise InTransactionError(alias)


def real(alias: str) -> tuple[str, ...]:
    """Return what tells the real databases of aliases apart."""
    settings = connections.settings[alias]
    name = settings["NAME"]
    if name in ("", ":memory:"):
        return (alias,)
    return settings["ENGINE"], settings["HOST"], settings["PORT"], str(name)


def files() -> dict[str, str]:
    """Return by the NAME of each real database, which may be a file, its alias."""
    names = {alias: connections.settings[alias]["NAME"] for alias in connections}
    return {
        str(name): alias for alias, name in names.items() if name and name != ":memory:"
    }


@contextlib.contextmanager
def swap(settings: Mapping[str, Settings]) -> Iterator[None]:
    """
    Let aliases have other settings, in this thread and in those started meanwhile.

    The connections that this thread has stay as they are, open or not, and come back
    at the end with the very dicts of their settings. Those made meanwhile are closed.
    """
    before = {alias: connections.settings[alias] for alias in settings}
    own: dict[str, BaseDatabaseWrapper] = {}
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


def _take(aliases: Mapping[str, object]) -> dict[str, BaseDatabaseWrapper]:
    """Return the connections that this thread has, and let it have them no more."""
    found = {each.alias: each for each in connections.all(initialized_only=True)}
    taken = {alias: found[alias] for alias in aliases if alias in found}
    for alias in taken:
        del connections[alias]
    return taken
