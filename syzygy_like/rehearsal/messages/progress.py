"""What a rehearsal says of itself as it goes on."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import Migration

from syzygy_like.planning.history import Key
from syzygy_like.planning.messages.checks import listed
from syzygy_like.rehearsal.messages.findings import first_line
from syzygy_like.rehearsal.workload.runner import FailedAction

STRAIGHT = "Migrating a copy in one go"
OWN = "Letting the old code work on its own database"
PRE_DEPLOY = "Running migrate --pre-deploy"
WINDOW = "Letting old and new code work"
POST_DEPLOY = "Running migrate --post-deploy"
AFTER = "Letting the new code work"
REVERT = "Reverting to the start"
CONTRAST = "Letting the old code work after a plain migrate"
JUDGING = "Looking for causes"
MOST_MODELS = 5
INTERRUPTED = "Interrupted. The scratch databases are dropped."
NO_ROWS = "--rows takes a number from 0."
NOTHING_PENDING = "No migrations to apply: there is nothing to rehearse."

# The two sides of a comparison of schemas, by the kind of trouble.
SIDES = {
    "schema": ("in stages", "in one go"),
    "not reverted": ("after reverting", "at the start"),
}


def opening(alias: str) -> str:
    """Say that a scratch database is being made."""
    return f"Migrating a scratch database for {alias!r} to the start"


def filling(alias: str, rows: int) -> str:
    """Say that rows are being written."""
    return f"Writing {rows} rows of each model to {alias!r}"


def no_copies(alias: str, why: str) -> str:
    """Say what is left out where a database cannot be copied."""
    return (
        f"The scratch database of {alias!r} could not be copied ({why.strip()}): the "
        "end was not compared with a plain migrate's, and causes were not looked for."
    )


def without_account(alias: str) -> str:
    """Say that no user was made, whose rights end with the scratch database."""
    return (
        f"The user of {alias!r} may not make a user for the rehearsal, or the server "
        "does not let that one in: statements were run with its own rights, and only "
        "read for what leads outside of the scratch database."
    )


def no_such_database(alias: str) -> str:
    """Say that the settings have no such database."""
    return f"There is no database {alias!r} in the setting DATABASES."


def other_migrate(module: str) -> str:
    """Say that another app's migrate comes first."""
    return (
        f"The project's migrate is {module}, which knows nothing of stages: put "
        '"syzygy_like" before that app in INSTALLED_APPS, or let its command inherit '
        "from ours."
    )


def unwritten(path: str, error: OSError) -> str:
    """Say that the report could not be written."""
    return f"The report could not be written to {path}: {error.strerror or error}"


def not_writable(path: str) -> str:
    """Say that there can be no such file."""
    return f"--output {path}: there is no folder to write that file to."


def lost(alias: str, why: str) -> str:
    """Say that the server is gone, or does not want us any longer."""
    return (
        f"The connection to the scratch database of {alias!r} was lost, so there is no "
        f"verdict: {first_line(why)}"
    )


def baseline_failures(code: str, alias: str, failures: Sequence[FailedAction]) -> str:
    """Say what is left out, for a code cannot do it on its own database either."""
    first = failures[0]
    names = sorted({each.model for each in failures})
    more = [f"{len(names) - MOST_MODELS} more"] if len(names) > MOST_MODELS else []
    models = listed([*names[:MOST_MODELS], *more])
    return (
        f"What {code} cannot do on its own database {alias!r} either, with {models}: "
        f"{first.model}, {first.action}: {type(first.error).__name__}: "
        f"{first_line(str(first.error))}"
    )


def no_contrast(error: str) -> str:
    """Say that a plain migrate fails, too."""
    return f"What a plain migrate would break is not known: {first_line(error)}"


def irreversible(migration: Migration, operation: str) -> str:
    """Say why nothing was reverted."""
    return f"Not reverted: {migration} cannot be, for: {operation}"


def rows_in_the_way(key: Key | None, error: str) -> str:
    """Say that rows which the new code has written are in the way of reverting."""
    return (
        f"Not reverted: rows that the new code may write are in the way of unapplying "
        f"{'.'.join(key or ())} ({first_line(error)})."
    )
