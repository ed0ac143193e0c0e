"""What to say of each error that planning raises, and how to find what to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.core.management.base import CommandError
from django.db import Error
from django.db.migrations.exceptions import (
    InconsistentMigrationHistory,
    InvalidMigrationPlan,
    IrreversibleError,
)

from syzygy_like.compatibility.wording import NEW, OLD, sentences
from syzygy_like.conf import InvalidSettingError
from syzygy_like.expand_contract.simulation import CannotSplitError, Obstacle
from syzygy_like.planning.delays import InvalidDelayError
from syzygy_like.planning.history import BrokenMigrationError, UnloadableError
from syzygy_like.planning.messages import checks
from syzygy_like.planning.resolver import InvalidStageError

E = TypeVar("E", bound=BaseException)

OBSTACLES = {
    Obstacle.BREAKS: "there is no schema between that both versions can run on",
    Obstacle.MOVES: (
        "it moves values to another name, and each version looks for them under its own"
    ),
    Obstacle.TAKEN: (
        "it creates a table or column whose name is taken by one that is still in use"
    ),
    Obstacle.UNREADABLE: (
        "it does not change the database in the same way as the models"
    ),
    Obstacle.NULLS: (
        "it would find NULL in columns that its models declare NOT NULL, as the old "
        "version writes NULL until the deploy"
    ),
    Obstacle.LEAVES: (
        "a migration before it is applied in parts, and its contract part could not "
        "change a table that is no longer managed"
    ),
    Obstacle.EARLY: "it needs something that has to wait",
}


def obstacle(error: CannotSplitError) -> list[str]:
    """Say which operation cannot be applied in parts, and why not."""
    description, reason = error.operation.describe(), OBSTACLES[error.obstacle]
    problems = [*sentences(error.old, OLD), *sentences(error.new, NEW)]
    return [
        f'"{description}" cannot be applied in parts: {reason}.',
        *(f"  {each}" for each in problems),
    ]


def cannot_finish(error: CannotSplitError) -> str:
    """Say that what is left after the roll-out could not be applied then."""
    reasons = "\n".join(f"  {each}" for each in obstacle(error))
    return (
        f"{error.migration} could not be finished after the roll-out. Nothing was "
        f"applied.\n{reasons}\n"
        "Fix: use two deploys. First deploy what comes before it.\n"
        "See docs/reference/blocked-plans.rst."
    )


def refused(error: BaseException) -> str:
    """Say that the database refused a query before anything was applied."""
    return f"The database refused: {type(error).__name__}: {str(error).strip()}"


def broken(key: tuple[str, str], error: BaseException) -> str:
    """Say that a migration does not fit the ones before it."""
    return (
        f"{'.'.join(key)} does not fit the migrations before it: "
        f"{type(error).__name__}: {error}"
    )


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    BrokenMigrationError: lambda error: broken(error.key, error.error),
    InconsistentMigrationHistory: lambda error: str(error.args[0]),
    InvalidDelayError: lambda error: checks.invalid_delay(error.migration, error.value),
    IrreversibleError: lambda error: str(error),
    InvalidMigrationPlan: lambda error: str(error.args[0]),
    InvalidStageError: checks.invalid_stage,
    CannotSplitError: cannot_finish,
    UnloadableError: checks.unloadable,
    InvalidSettingError: checks.invalid_setting,
    Error: refused,
}


def message_of(
    error: BaseException, messages: Mapping[type[E], Callable[..., str]]
) -> str:
    """Return the message of an error, by the first of its classes that has one."""
    return next(say for kind, say in messages.items() if isinstance(error, kind))(error)


def text_of(error: BaseException) -> str:
    """Return a CommandError's message, the class and text of any other error."""
    if isinstance(error, CommandError):
        return str(error)
    return f"{type(error).__name__}: {str(error).strip()}"
