"""What a guarded run says, and how it words what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.migrations import Migration

from syzygy_like.executor import messages as executor_messages
from syzygy_like.executor.errors import MigrationFailedError, RolledBackError
from syzygy_like.executor.messages import named
from syzygy_like.planning.messages.errors import message_of, text_of
from syzygy_like.safeguards.locking import messages as locking_messages
from syzygy_like.safeguards.quorum import messages as quorum_messages
from syzygy_like.safeguards.rollout import messages as rollout_messages
from syzygy_like.safeguards.timeouts import messages as timeouts_messages

INTERRUPTED = "Interrupted. What was applied stays applied; run it again to go on."

ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    **locking_messages.ERRORS,
    **quorum_messages.ERRORS,
    **executor_messages.OWN_ERRORS,
    **rollout_messages.ERRORS,
    **timeouts_messages.ERRORS,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    **locking_messages.EVENTS,
    **quorum_messages.EVENTS,
    **executor_messages.EVENTS,
    **rollout_messages.EVENTS,
    **timeouts_messages.EVENTS,
}


def failed(error: Exception) -> str:
    """Say what went wrong."""
    return message_of(error, ERRORS)


def reason(error: BaseException) -> str:
    """Say to others why this run has failed, "" if it was stopped."""
    if not isinstance(error, Exception):
        return ""
    if isinstance(error, tuple(ERRORS)):
        return failed(error)
    return text_of(error)


def told(event: Any) -> str:
    """Say what happens."""
    return EVENTS[type(event)](event)


def of_migration(error: MigrationFailedError | RolledBackError) -> str:
    """Say what failed, and what became of the run."""
    if isinstance(error, RolledBackError):
        return _rolled_back(error)
    return _stopped(error.migration, error.error, error.is_whole)


def _rolled_back(error: RolledBackError) -> str:
    """Say that a migration failed, and what is undone because of that."""
    cause = error.failure.error
    why = reason(cause) or f"it was stopped ({type(cause).__name__})."
    lines = [f"{error.failure.migration} failed: {why}"]
    if error.undone:
        lines.append(f"Rolled back what this run had applied: {named(error.undone)}.")
    elif not error.obstacle:
        lines.append("This run had applied nothing before it.")
    if error.obstacle:
        first, *others = error.kept
        lines.append(f"{first} could not be unapplied: {reason(error.obstacle)}")
        if others:
            lines.append(f"So these stay applied, too: {named(others)}.")
    return "\n".join([*lines, "Add --traceback for the details."])


def _stopped(migration: Migration, error: BaseException, is_whole: bool) -> str:
    """Say that a migration failed, and what is left of it."""
    left = "" if is_whole else "; a part of it may be applied, too"
    return (
        f"{migration} failed: {reason(error)}\n"
        f"What was applied before it stays applied{left}. "
        "Add --traceback for the details."
    )
