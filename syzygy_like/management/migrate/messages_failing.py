"""What is said of a migration that failed."""

from __future__ import annotations

from django.db.migrations import Migration

from syzygy_like.executor.errors import MigrationFailedError, RolledBackError
from syzygy_like.executor.messages_rollback import named
from syzygy_like.management.migrate.messages import reason


def said(error: MigrationFailedError | RolledBackError) -> str:
    """Say what failed, and what became of the run."""
    if isinstance(error, RolledBackError):
        return rolled_back(error)
    return failed(error.migration, error.error, error.is_whole)


def rolled_back(error: RolledBackError) -> str:
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


def failed(migration: Migration, error: BaseException, is_whole: bool) -> str:
    """Say that a migration failed, and what is left of it."""
    left = "" if is_whole else "; a part of it may be applied, too"
    return (
        f"{migration} failed: {reason(error)}\n"
        f"What was applied before it stays applied{left}. "
        "Add --traceback for the details."
    )
