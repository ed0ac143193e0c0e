"""What is said where a run that failed is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db.migrations import Migration

from syzygy_like.executor.errors import IrreversibleRunError, RollingBack


def irreversible(error: IrreversibleRunError) -> str:
    """Say that a run could not be undone."""
    if error.backwards:
        return (
            "--rollback-on-failure undoes what a run applies, and this one unapplies "
            "migrations. Leave the option out."
        )
    return (
        f"This run could not be rolled back: {named(error.migrations)} cannot be "
        "unapplied, or not in a run. Nothing was applied.\nFix: give their operations "
        "what undoes them, such as reverse_code; or accept with --allow-irreversible "
        "that a roll-back ends there."
    )


def named(migrations: Iterable[Migration]) -> str:
    """Return the names of migrations."""
    return ", ".join(str(each) for each in migrations)


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    IrreversibleRunError: irreversible,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    RollingBack: lambda event: "Rolling back what this run has applied:",
}
