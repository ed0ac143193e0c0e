"""Messages about files of migrations that are edited."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

from syzygy_like.makemigrations.split.rewriting import Fault, RewritingError
from syzygy_like.planning.messages.checks import listed

_FAULTS = {
    Fault.UNREADABLE: "it is not Python",
    Fault.NO_CLASS: "there is no class {name} at the top of it",
    Fault.NO_LIST: "{name} is not a plain list with one element for each",
    Fault.OTHER_LENGTH: "{name} does not have the elements that the list there has",
    Fault.USED_ELSEWHERE: "{name} is also used elsewhere than where it is set",
    Fault.NAME_TAKEN: "{name} has another meaning there than new code needs",
}


def local(migration: Migration, number: int, operation: Operation) -> str:
    """Say that an operation cannot move away from what it needs."""
    return (
        f"{migration} cannot be split: {_operation(number, operation)} would go to "
        "another file, but it refers to what is defined in a migration's file. Move "
        "that to a module that can be imported, or split the migration by hand."
    )


def unwritable(
    migration: Migration, number: int, operation: Operation, error: BaseException
) -> str:
    """Say that an operation cannot be written to a file."""
    return (
        f"{migration} cannot be split: {_operation(number, operation)} cannot be "
        f"written to a file ({type(error).__name__}: {_first_line(error)}). "
        "Split it by hand."
    )


def staged(migration: Migration, number: int, operation: Operation) -> str:
    """Say that an operation would lose the stage it was given."""
    return (
        f"{migration} cannot be split: {_operation(number, operation)} was given a "
        "stage after it was made, which would be lost in another file. Make it a class "
        "with that stage, in a module that can be imported, or split by hand."
    )


def unreadable(migration: Migration, error: RewritingError) -> str:
    """Say why a file cannot be edited."""
    reason = _FAULTS[error.fault].format(name=error.name)
    line = f" (line {error.line})" if error.line else ""
    return (
        f"The file of {migration} cannot be edited: {reason}{line}. Write it plainly, "
        "or split it by hand."
    )


def written(count: int) -> str:
    """Say that all is done."""
    if count == 1:
        return "Wrote the file. It fits a stage, and does the same."
    return f"Wrote {count} files. Each fits a stage, and together they do the same."


def not_written(migration: Migration, error: BaseException) -> str:
    """Say that files cannot be read or written."""
    return f"{migration} was not split, and all files are as they were: {error}"


def not_verified(migration: Migration, reason: str) -> str:
    """Say that what was written is not right."""
    return (
        f"{migration} was not split, and all files are as they were, for what was "
        f"written did not come to the same:\n{textwrap.indent(reason, '  ')}\n"
        "Split it by hand."
    )


def not_restored(migration: Migration, paths: Sequence[Path]) -> str:
    """Say that a failure could not be made good."""
    return (
        f"{migration} was not split, and these files could not be made what they "
        f"were: {listed([str(path) for path in paths])}. Get them back from your "
        "version control."
    )


def part_without_stage(migration: Migration) -> str:
    """Say that a part is no better than the whole."""
    return f"{migration} fits no stage."


def other_outcome(migration: Migration) -> str:
    """Say that the parts do something else."""
    return f"{migration} leaves other models or tables than before."


def unexpected(error: BaseException) -> str:
    """Return an error as Python shows it."""
    return f"{type(error).__name__}: {_first_line(error)}"


def _operation(number: int, operation: Operation) -> str:
    name = type(operation).__name__
    return f"operation {number} ({name})" if number else f"a new {name}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
