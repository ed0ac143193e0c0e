"""Messages about migrations that are split."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import AlterField, AlterModelTable, Migration
from django.db.migrations.operations.base import Operation

from syzygy_like.planning.explanation import Explanation, OperationStage
from syzygy_like.planning.messages.checks import ambiguous, listed
from syzygy_like.planning.messages.fixes import fix
from syzygy_like.planning.resolver import Resolution
from syzygy_like.stages import Stage, StageSource

QUESTION = "Write these files? [y/N]"
CANCELLED = "Nothing was written."
BY_HAND = "declare a stage on {migration}, or split it by hand"


def usage() -> str:
    """Say what goes with the option."""
    return (
        "--split takes an app label and the name of a migration, such as: "
        "makemigrations --split shop 0007"
    )


def excluded(flag: str) -> str:
    """Say that two options do not go together."""
    return f"--split and {flag} exclude each other."


def no_migrations(app_label: str) -> str:
    """Say that an app has no migrations."""
    return f"App '{app_label}' does not have migrations."


def no_such_migration(app_label: str, prefix: str) -> str:
    """Say that a name is no migration's."""
    return f"Cannot find a migration matching '{prefix}' from app '{app_label}'."


def ambiguous_name(app_label: str, prefix: str) -> str:
    """Say that a name could be several migrations'."""
    return (
        f"More than one migration matches '{prefix}' in app '{app_label}'. "
        "Please be more specific."
    )


def squashed(migration: Migration) -> str:
    """Say that a squashed migration is none to split."""
    return (
        f"{migration} is a squashed migration: where what it replaces has run it does "
        "not run at all. Split the ones it replaces, or remove them and its "
        "'replaces' first."
    )


def replaced(migration: Migration, squashed: Migration) -> str:
    """Say that a squashed migration takes the place of this one."""
    return (
        f"{migration} is replaced by {squashed}, which would know nothing of its "
        f"parts. Remove {squashed.name} first, and squash again afterwards."
    )


def third_party(migration: Migration) -> str:
    """Say that a file is not the project's own."""
    return (
        f"{migration} is part of an installed package, whose files are not yours to "
        "edit. Set its stage in MIGRATION_STAGES_OVERRIDE instead."
    )


def has_stage(migration: Migration, resolution: Resolution) -> str:
    """Say that a migration has a stage, so that nothing need be done."""
    label = resolution.stage.label
    if resolution.source is StageSource.OVERRIDE:
        return (
            f"The stage of {migration} is set in MIGRATION_STAGES_OVERRIDE ({label}). "
            "Remove it there to have the migration split."
        )
    if resolution.source is StageSource.DECLARED:
        return (
            f"The stage of {migration} is declared ({label}). Remove the attribute to "
            "have the migration split."
        )
    return f"{migration} already fits a stage: {label}. There is nothing to split."


def special_class(migration: Migration) -> str:
    """Say that a migration's class is not like others."""
    return (
        f"The class of {migration} has another base than migrations.Migration, or "
        "methods of its own, which its parts would not have. Split it by hand."
    )


def in_baseline(migration: Migration, name: str) -> str:
    """Say that the settings take a migration as applied."""
    return (
        f"{migration} is history by MIGRATION_STAGES_BASELINE ({name!r}): what ran "
        "cannot be split. Nothing need be done about it."
    )


def applied(migration: Migration, alias: str) -> str:
    """Say that a migration ran."""
    return (
        f"{migration} is applied on the database {alias!r}: what ran cannot be split. "
        "If it is applied everywhere, say so once, in your settings: "
        f'MIGRATION_STAGES_BASELINE = {{"{migration.app_label}": "{migration.name}"}}. '
        "If only here, unapply it first."
    )


def begun(name: str, alias: str) -> str:
    """Say that something of a migration is carried out, and not all of it recorded."""
    return (
        f"Something of {name} is carried out on the database {alias!r}, and its file "
        "has to stay as it is until that has come to its end. Nothing was written.\n"
        "Fix: if a deploy is under way, take it back (migrate --abort-deploy) and run "
        "this again. Or finish it (migrate --post-deploy), or a run that was cut off "
        "(migrate), and write what is to change into a new migration."
    )


def not_asked(alias: str, error: BaseException) -> str:
    """Say that nobody knows what is applied on a database."""
    return (
        f"Whether it is applied on the database {alias!r} is not known: "
        f"{str(error).strip()}"
    )


def no_source(migration: Migration) -> str:
    """Say that there is no file to edit."""
    return f"{migration} has no source file that could be edited."


def name_taken(migration: Migration, name: str) -> str:
    """Say that a new file would have the name of one there is."""
    return (
        f"{migration} would be split into {name}.py and itself, but there is a "
        f"{name} already. Rename or remove that first."
    )


def no_split(explanation: Explanation) -> str:
    """Say that nobody knows a split, and why the migration fits no stage."""
    return "\n\n".join(
        [
            f"No split of {explanation.migration} is known.",
            ambiguous(explanation),
            fix(explanation),
        ]
    )


def opaque(migration: Migration, verdicts: Sequence[OperationStage]) -> str:
    """Say that operations are in the way of a split."""
    stand, they = ("stands", "It") if len(verdicts) == 1 else ("stand", "They")
    return (
        f"{migration} cannot be split: {listed([_named(each) for each in verdicts])} "
        f"{stand} in the way. {they} cannot be read, so nobody knows what may run "
        f"without. Way out: {BY_HAND.format(migration=migration)}."
    )


def crossed(
    migration: Migration, verdict: OperationStage, other: OperationStage
) -> str:
    """Say that an operation would have to run on the other side of another one."""
    return (
        f"{migration} cannot be split: {_named(verdict)} stands in the way. "
        f"{_named(other)} would have to change places with it, but it cannot be read, "
        "so nobody knows whether it may. Way out: put them in another order, "
        f"{BY_HAND.format(migration=migration)}."
    )


def renamed(explanation: Explanation) -> str:
    """Say what to do about a rename, whose old name in the database is kept."""
    kept = [
        text
        for _, operations in explanation.split
        for each in operations
        if (text := _kept_name(each))
    ]
    edit = f" ({listed(kept)})" if kept else ""
    return (
        f"{explanation.migration} renames what both codes use. A split would keep the "
        "old name in the database, which your models have to say, too. Give the field "
        f"a db_column, or the model a db_table, in models.py{edit}; then remove the "
        "migration and run makemigrations again."
    )


def _kept_name(operation: Operation) -> str:
    if isinstance(operation, AlterField) and operation.field.db_column:
        return f"db_column={operation.field.db_column!r}"
    if isinstance(operation, AlterModelTable):
        return f"db_table = {operation.table!r}"
    return ""


def heading(migration: Migration, count: int) -> str:
    """Say what is about to be done."""
    return f"{migration} as {count} migration{'s' if count > 1 else ''}:"


def deploys(stages: Sequence[Stage]) -> str:
    """Say that parts cannot go out together, if that is so."""
    after = stages.index(Stage.POST_DEPLOY) if Stage.POST_DEPLOY in stages else None
    if after is None or Stage.PRE_DEPLOY not in stages[after:]:
        return ""
    return "They cannot all go out with one deploy: release them in turn."


def _named(verdict: OperationStage) -> str:
    target = f" {verdict.target}" if verdict.target else ""
    return f"operation {verdict.number} ({type(verdict.operation).__name__}{target})"
