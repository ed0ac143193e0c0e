"""What the settings say of aliases, and what their connections are in."""

from __future__ import annotations

from typing import Any

from django.db import connections

from syzygy_like.rehearsal.scratch.creation import Maker, maker
from syzygy_like.rehearsal.scratch.errors import InTransactionError, ScratchError


def maker_of(alias: str) -> Maker:
    """Return what makes databases; or raise InTransactionError or ScratchError."""
    try:
        found = maker(alias)
    except Exception as error:
        raise ScratchError(alias, str(error)) from error
    refuse_transaction(alias)
    return found


def refuse_transaction(alias: str) -> None:
    """Raise InTransactionError if the connection is in one."""
    if connections[alias].in_atomic_block:
        raise InTransactionError(alias)


def real(alias: str) -> tuple[Any, ...]:
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
