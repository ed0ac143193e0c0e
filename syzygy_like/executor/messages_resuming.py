"""What is said where a run goes on that an earlier one has begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syzygy_like.executor.invalid_indexes import IndexBeingBuilt, IndexRebuilt
from syzygy_like.executor.journal import (
    ChangedMigrationError,
    Resumed,
    UnfinishedMigrationError,
)
from syzygy_like.executor.tables import LEDGER


def resumed(event: Resumed) -> str:
    """Say where a run goes on."""
    count = len(event.migration.operations)
    how = "left" if event.backwards else "carried out"
    return (
        f"Going on with {event.migration}: an earlier run ended with {event.done} of "
        f"{count} operations {how}."
    )


def changed(error: ChangedMigrationError) -> str:
    """Say that a file is not what it was when its migration was begun."""
    name, count = ".".join(error.key), error.operations
    return (
        f"{name} was begun by an earlier run, and the first {count} of its operations, "
        "which are carried out, are not what they were. Run this with the operations "
        "that the file had then; later ones may be changed."
    )


def unfinished(error: UnfinishedMigrationError) -> str:
    """Say that a migration has to be ended first."""
    app, name = error.key
    begun = "unapplied" if error.backwards else "applied"
    way = f"migrate {app} {name}"
    if error.backwards:
        way = "migrate back to where it went"
        if error.before:
            way = f"migrate {app} {error.before}"
    return (
        f"{app}.{name} was being {begun} when an earlier run was cut off. End that "
        f"first: {way}. How far it is, the table {LEDGER} tells."
    )


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    ChangedMigrationError: changed,
    UnfinishedMigrationError: unfinished,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    IndexBeingBuilt: lambda event: (
        f"Waiting for the index {event.name}, which another connection (pid "
        f"{event.pid}) is building or dropping, maybe for a run that was cut off."
    ),
    IndexRebuilt: lambda event: (
        f"The index {event.name} is not valid: its build was cut off. It is dropped, "
        "and built anew."
    ),
    Resumed: resumed,
}
