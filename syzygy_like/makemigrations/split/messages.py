"""Messages about migrations that are split, and about their files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from django.db.migrations import AlterField, AlterModelTable, Migration
from django.db.migrations.operations.base import Operation

from syzygy_like.makemigrations.split.source import Fault, RewritingError
from syzygy_like.planning.explanation import Explanation, OperationStage
from syzygy_like.planning.messages.checks import ambiguous, listed
from syzygy_like.planning.messages.fixes import fix
from syzygy_like.planning.resolver import Resolution
from syzygy_like.stages import Stage, StageSource

QUESTION = "Write these files? [y/N]"
CANCELLED = "Nothing was written."
BY_HAND = "declare a stage on {migration}, or split it by hand"
PAGE = "See docs/how-to/split-migration.rst."
_FAULTS = {
    Fault.UNREADABLE: "it is not Python",
    Fault.NO_CLASS: "it has no class {name} at the top level",
    Fault.NO_LIST: "{name} is not a plain list with one element for each",
    Fault.OTHER_LENGTH: "{name} has other elements than the list in the file",
    Fault.USED_ELSEWHERE: "{name} is also used outside its assignment",
    Fault.NAME_TAKEN: "{name} already has another meaning there",
}


def usage() -> str:
    """Say which arguments the option takes."""
    return (
        "--split takes an app label and the name of a migration, such as: "
        "makemigrations --split shop 0007"
    )


def excluded(flag: str) -> str:
    """Say that two options do not go together."""
    return f"--split and {flag} cannot be used together."


def no_migrations(app_label: str) -> str:
    """Say that an app has no migrations."""
    return f"App '{app_label}' does not have migrations."


def no_such_migration(app_label: str, prefix: str) -> str:
    """Say that no migration has this name."""
    return f"Cannot find a migration matching '{prefix}' from app '{app_label}'."


def ambiguous_name(app_label: str, prefix: str) -> str:
    """Say that several migrations match a name."""
    return (
        f"More than one migration matches '{prefix}' in app '{app_label}'. "
        "Please be more specific."
    )


def squashed(migration: Migration) -> str:
    """Say that a squashed migration cannot be split."""
    return (
        f"{migration} is a squashed migration. Where the migrations that it replaces "
        "have run, it does not run at all.\n"
        "Fix: split the migrations that it replaces. Or remove them, and its "
        "'replaces', first."
    )


def replaced(migration: Migration, squashed: Migration) -> str:
    """Say that a squashed migration takes the place of this one."""
    return (
        f"{migration} is replaced by {squashed}, which would not replace the parts.\n"
        f"Fix: remove {squashed.name} first, and squash again afterwards."
    )


def third_party(migration: Migration) -> str:
    """Say that a file is not the project's own."""
    return (
        f"{migration} is part of an installed package, whose files you cannot edit.\n"
        "Fix: set its stage in MIGRATION_STAGES_OVERRIDE instead."
    )


def has_stage(migration: Migration, resolution: Resolution) -> str:
    """Say that a migration already has a stage."""
    label = resolution.stage.label
    if resolution.source is StageSource.OVERRIDE:
        return (
            f"The stage of {migration} is set in MIGRATION_STAGES_OVERRIDE ({label}). "
            "Remove it there to split the migration."
        )
    if resolution.source is StageSource.DECLARED:
        return (
            f"{migration} declares a stage ({label}). Remove the attribute to split "
            "the migration."
        )
    return f"{migration} already fits a stage: {label}. There is nothing to split."


def special_class(migration: Migration) -> str:
    """Say that a migration's class is special."""
    return (
        f"The class of {migration} has another base than migrations.Migration, or "
        "methods of its own. Its parts would not have them. Split it by hand."
    )


def in_baseline(migration: Migration, name: str) -> str:
    """Say that settings call a migration applied."""
    return (
        f"{migration} is applied, according to MIGRATION_STAGES_BASELINE ({name!r}): "
        "an applied migration cannot be split. You do not have to do anything."
    )


def applied(migration: Migration, alias: str) -> str:
    """Say that a migration is applied."""
    return (
        f"{migration} is applied on the database {alias!r}: an applied migration "
        "cannot be split.\n"
        "If it is applied everywhere, say so once, in your settings: "
        f'MIGRATION_STAGES_BASELINE = {{"{migration.app_label}": "{migration.name}"}}. '
        "If it is applied only here, unapply it first."
    )


def begun(name: str, alias: str) -> str:
    """Say that a migration has run in part."""
    return (
        f"Part of {name} has run on the database {alias!r}. Its file has to stay as it "
        "is until all of it has run. Nothing was written.\n"
        "Fix: if a deploy is under way, abort it (migrate --abort-deploy) and run this "
        "again. Or finish the deploy (migrate --post-deploy) or the run that was cut "
        "off (migrate), and write your changes to a new migration."
    )


def not_asked(alias: str, error: BaseException) -> str:
    """Say that a database does not say what is applied."""
    return (
        f"The database {alias!r} does not say whether it is applied: "
        f"{str(error).strip()}"
    )


def no_source(migration: Migration) -> str:
    """Say that there is no file to edit."""
    return f"{migration} has no source file that could be edited."


def name_taken(migration: Migration, name: str) -> str:
    """Say that the name of a new file is taken."""
    return (
        f"{migration} would be split into {name}.py and itself, but {name} already "
        "exists. Rename or remove that first."
    )


def no_split(explanation: Explanation) -> str:
    """Say that there is no split, and why the migration fits no stage."""
    return "\n\n".join(
        [
            f"{explanation.migration} cannot be split automatically.",
            ambiguous(explanation),
            fix(explanation),
        ]
    )


def opaque(migration: Migration, operations: Sequence[OperationStage]) -> str:
    """Say that opaque operations prevent a split."""
    they = "It" if len(operations) == 1 else "They"
    return (
        f"{migration} cannot be split because of "
        f"{listed([_named(each) for each in operations])}. {they} cannot be read, so "
        "it is not known which operations may run earlier or later.\n"
        f"Fix: {BY_HAND.format(migration=migration)}. {PAGE}"
    )


def reordered(
    migration: Migration, opaque: OperationStage, other: OperationStage
) -> str:
    """Say that an operation would have to move past an opaque one."""
    return (
        f"{migration} cannot be split because of {_named(opaque)}. {_named(other)} "
        "would have to move past it, but it cannot be read, so it is not known whether "
        "that is safe.\n"
        f"Fix: reorder them, {BY_HAND.format(migration=migration)}. {PAGE}"
    )


def renamed(explanation: Explanation) -> str:
    """Say how to keep the old name of a rename in the database."""
    kept = [
        text
        for _, operations in explanation.split
        for each in operations
        if (text := _kept_name(each))
    ]
    edit = f" ({listed(kept)})" if kept else ""
    return (
        f"{explanation.migration} renames something that both versions use. A "
        "split would keep the old name in the database, and your models have to name "
        f"it, too.\nFix: set db_column on the field, or db_table on the model, in "
        f"models.py{edit}. Then remove the migration and run makemigrations again."
    )


def _kept_name(operation: Operation) -> str:
    if isinstance(operation, AlterField) and operation.field.db_column:
        return f"db_column={operation.field.db_column!r}"
    if isinstance(operation, AlterModelTable):
        return f"db_table = {operation.table!r}"
    return ""


def heading(migration: Migration, count: int) -> str:
    """Return the heading of a split."""
    return f"{migration} as {count} migration{'s' if count > 1 else ''}:"


def deploys(stages: Sequence[Stage]) -> str:
    """Say that the parts need several deploys, if they do."""
    after = stages.index(Stage.POST_DEPLOY) if Stage.POST_DEPLOY in stages else None
    if after is None or Stage.PRE_DEPLOY not in stages[after:]:
        return ""
    return "One deploy cannot include all of them: deploy them one after the other."


def _named(found: OperationStage) -> str:
    target = f" {found.target}" if found.target else ""
    return f"operation {found.number} ({type(found.operation).__name__}{target})"


def local(migration: Migration, number: int, operation: Operation) -> str:
    """Say that an operation cannot move to another file."""
    return (
        f"{migration} cannot be split: {_operation(number, operation)} would move to "
        "another file, but it uses something that a migration's file defines.\n"
        "Fix: move that to a module that can be imported, or split the migration by "
        "hand."
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
    """Say that an operation would lose its stage."""
    return (
        f"{migration} cannot be split: {_operation(number, operation)} got its stage "
        "after it was created, and would lose it in another file.\n"
        "Fix: define a class with that stage, in a module that can be imported. Or "
        "split the migration by hand."
    )


def unreadable(migration: Migration, error: RewritingError) -> str:
    """Say why a file cannot be edited."""
    reason = _FAULTS[error.fault].format(name=error.name)
    line = f" (line {error.line})" if error.line else ""
    return (
        f"The file of {migration} cannot be edited: {reason}{line}.\n"
        "Fix: write plain lists, as makemigrations does, or split it by hand."
    )


def written(count: int) -> str:
    """Say that the files are written."""
    if count == 1:
        return "Wrote the file. It fits a stage and does the same."
    return f"Wrote {count} files. Each fits a stage; together they do the same."


def not_written(migration: Migration, error: BaseException) -> str:
    """Say that files cannot be read or written."""
    return f"{migration} was not split, and all files are as they were: {error}"


def not_verified(migration: Migration, reason: str) -> str:
    """Say that the new files do something else."""
    return (
        f"{migration} was not split, because the new files would not do the same. All "
        f"files are as they were.\n{textwrap.indent(reason, '  ')}\n"
        "Split it by hand."
    )


def not_restored(migration: Migration, paths: Sequence[Path]) -> str:
    """Say that files could not be restored."""
    return (
        f"{migration} was not split, and these files could not be restored: "
        f"{listed([str(path) for path in paths])}. Restore them from version control."
    )


def part_without_stage(migration: Migration) -> str:
    """Say that a part fits no stage, either."""
    return f"{migration} fits no stage."


def other_outcome(migration: Migration) -> str:
    """Say that the parts do something else."""
    return f"{migration} leaves other models or tables than before."


def unexpected(error: BaseException) -> str:
    """Return an error's class and text."""
    return f"{type(error).__name__}: {_first_line(error)}"


def _operation(number: int, operation: Operation) -> str:
    name = type(operation).__name__
    return f"operation {number} ({name})" if number else f"a new {name}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
