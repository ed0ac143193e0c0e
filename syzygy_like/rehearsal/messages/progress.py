"""What a rehearsal says of itself as it goes on."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import Migration

from syzygy_like.planning.history import Key
from syzygy_like.planning.messages.checks import listed
from syzygy_like.rehearsal.messages.findings import first_line
from syzygy_like.rehearsal.workload.runner import FailedAction

PLAIN = "Running a plain migrate on a copy"
OWN = "Running the old version on its own schema"
PRE_DEPLOY = "Running migrate --pre-deploy"
WINDOW = "Running both versions"
POST_DEPLOY = "Running migrate --post-deploy"
AFTER = "Running the new version"
REVERT = "Reverting to the start"
CONTRAST = "Running the old version after a plain migrate"
DIAGNOSIS = "Finding the causes"
MOST_MODELS = 5
INTERRUPTED = "Interrupted. The scratch databases are dropped."
NO_ROWS = "--rows takes a number, 0 or more."
NOTHING_PENDING = "No migrations to apply: there is nothing to rehearse."

# The two sides of a comparison of schemas, by the kind of deploy problem.
SIDES = {
    "schema": ("in stages", "plain migrate"),
    "not reverted": ("after reverting", "at the start"),
}


def applying_start(alias: str) -> str:
    """Say that a scratch database is being made."""
    return f"Migrating a scratch database for {alias!r} to the start"


def filling(alias: str, rows: int) -> str:
    """Say that rows are being written."""
    return f"Writing {rows} rows of each model to {alias!r}"


def no_copies(alias: str, why: str) -> str:
    """Say what is left out where a database cannot be copied."""
    return (
        f"The scratch database of {alias!r} cannot be copied ({why.strip()}). So the "
        "final schema was not compared with that of a plain migrate, and the causes of "
        "failures were not searched for."
    )


def without_account(alias: str) -> str:
    """Say that no user was made, whose rights end with the scratch database."""
    return (
        f"The user of {alias!r} cannot create a user for the rehearsal, or the server "
        "does not let the new user log in. So statements ran with the rights of the "
        "user in the settings. They were only read for names outside of the scratch "
        "database."
    )


def no_such_database(alias: str) -> str:
    """Say that the settings have no such database."""
    return f"The setting DATABASES has no database {alias!r}."


def other_migrate(module: str) -> str:
    """Say that another app's migrate comes first."""
    return (
        f"The project's migrate command is {module}, which does not know stages. Put "
        '"syzygy_like" before that app in INSTALLED_APPS, or let its command inherit '
        "from that of syzygy_like."
    )


def unwritten(path: str, error: OSError) -> str:
    """Say that the report could not be written."""
    return f"The report could not be written to {path}: {error.strerror or error}"


def not_writable(path: str) -> str:
    """Say that there can be no such file."""
    return f"--output {path}: this file cannot be written."


def lost(alias: str, why: str) -> str:
    """Say that the server is gone, or does not want us any longer."""
    return (
        f"The connection to the scratch database of {alias!r} was lost, so there is no "
        f"verdict: {first_line(why)}"
    )


def baseline_failures(
    version: str, alias: str, failures: Sequence[FailedAction]
) -> str:
    """Say what is left out, because a version fails on its own schema too."""
    first = failures[0]
    names = sorted({each.model for each in failures})
    more = [f"{len(names) - MOST_MODELS} more"] if len(names) > MOST_MODELS else []
    models = listed([*names[:MOST_MODELS], *more])
    return (
        f"{version.capitalize()} also fails on its own schema of {alias!r}, with "
        f"{models}. These failures are left out. The first one: {first.model}, "
        f"{first.action}: {type(first.error).__name__}: {first_line(str(first.error))}"
    )


def no_contrast(error: str) -> str:
    """Say that a plain migrate fails, too."""
    return f"A plain migrate fails, so nothing was compared: {first_line(error)}"


def irreversible(migration: Migration, operation: str) -> str:
    """Say why nothing was reverted."""
    return f"Not reverted: {migration} is irreversible ({operation})."


def rows_in_the_way(key: Key | None, error: str) -> str:
    """Say that rows which the new version has written are in the way of reverting."""
    return (
        f"Not reverted: {'.'.join(key or ())} cannot be unapplied, because of rows "
        f"that the new version may write ({first_line(error)})."
    )
