"""Messages about migrations that fit no stage."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from django.db.migrations import Migration, RunSQL
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.explain import Explanation, Verdict
from syzygy_like.messages.problems import NEW, OLD, clause, most_telling
from syzygy_like.stages import Stage


def ambiguous(explanation: Explanation) -> str:
    """Say what is wrong with a migration that fits no stage."""
    stages = [verdict.stage for verdict in explanation.verdicts]
    if all(stages):
        first = "This migration needs both sides of the deploy."
    else:
        first = "This migration can run neither before the deploy nor after it."
    paragraphs = [first, textwrap.indent(_table(explanation.verdicts), "  ")]
    if why := _why(explanation.verdicts):
        paragraphs.append(why)
    return "\n\n".join(paragraphs)


def _table(verdicts: Sequence[Verdict]) -> str:
    """Return the operations with their stages, in columns."""
    rows = [
        (
            str(verdict.number),
            type(verdict.operation).__name__,
            verdict.target,
            verdict.stage.label if verdict.stage else "neither",
            _reason(verdict),
        )
        for verdict in verdicts
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _reason(verdict: Verdict) -> str:
    reasons = []
    for problems, code in (
        (verdict.resolution.before, OLD),
        (verdict.resolution.after, NEW),
    ):
        if problems:
            reasons.append(clause(most_telling(problems), code))
    if verdict.effect.opaque and not reasons:
        return "cannot be read: it goes with the others"
    return "; ".join(reasons)


def _why(verdicts: Sequence[Verdict]) -> str:
    late = [str(each.number) for each in verdicts if each.stage is Stage.POST_DEPLOY]
    early = [str(each.number) for each in verdicts if each.stage is Stage.PRE_DEPLOY]
    if not (early and late):
        return ""
    breaks = "breaks" if len(late) == 1 else "break"
    comes = "comes" if len(early) == 1 else "come"
    return (
        f"Before the deploy, {_listed(late)} {breaks} the code now serving; "
        f"after it, {_listed(early)} {comes} too late."
    )


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def fix(explanation: Explanation) -> str:
    """Say how to write a migration instead, with code to paste."""
    migration = explanation.migration
    if not explanation.split:
        return (
            "Fix: change it in steps, over two releases: first add what is new beside "
            "what there is, write both and copy the data; when no code uses the old "
            f"part any more, remove it. Or set a stage on {migration} if you know that "
            "the code bears it: stage = Stage.PRE_DEPLOY"
        )
    names = _file_names(migration, len(explanation.split), explanation)
    parts = [_headline(explanation, names)]
    previous = migration.name
    for index, (stage, operations) in enumerate(explanation.split):
        if index or explanation.rewritten:
            parts.append(
                _file(migration, names[index], stage, operations, previous, index)
            )
        previous = names[index]
    if _keeps_names(explanation):
        parts.append("Give the models the same db_column or db_table.")
    if _needs_two_deploys(explanation):
        parts.append("They cannot all go out with one deploy: release them in turn.")
    return "\n\n".join(parts)


def _headline(explanation: Explanation, names: Sequence[str]) -> str:
    path = f"{explanation.migration.app_label}/migrations/{names[0]}.py"
    if explanation.rewritten:
        return f"Fix: write it in steps, instead of the operations in {path}:"
    kept = {id(operation) for operation in explanation.split[0][1]}
    moved = [
        str(each.number)
        for each in explanation.verdicts
        if id(each.operation) not in kept
    ]
    targets = _listed([f"{name}.py" for name in names[1:]])
    return f"Fix: move {_listed(moved)} from {path} to {targets}:"


def _file_names(
    migration: Migration, count: int, explanation: Explanation
) -> list[str]:
    names = [migration.name]
    number: int | None = MigrationAutodetector.parse_number(migration.name)
    for index in range(1, count):
        part = Migration("", migration.app_label)
        setattr(part, "operations", list(explanation.split[index][1]))  # noqa: B010
        suggested = part.suggest_name()
        if number is None:
            names.append(f"{migration.name}_{suggested}")
        else:
            names.append(f"{number + index:04}_{suggested}")
    return names


def _file(
    migration: Migration,
    name: str,
    stage: Stage,
    operations: Sequence[Operation],
    previous: str,
    index: int,
) -> str:
    """Return what to paste into a file."""
    code, imports = _code(operations)
    lines = [f"# {name}.py ({stage.label})", *sorted(imports), ""]
    lines.append("class Migration(migrations.Migration):")
    if index:
        lines.append(f'    dependencies = [("{migration.app_label}", "{previous}")]')
    lines += ["    operations = [", *code, "    ]"]
    return textwrap.indent("\n".join(lines), "    ")


def _code(operations: Sequence[Operation]) -> tuple[list[str], set[str]]:
    """Return operations as they are written in a file, and the imports they need."""
    code = []
    imports = {"from django.db import migrations, models"}
    for operation in operations:
        try:
            text, needed = OperationWriter(operation, indentation=2).serialize()
        except ValueError:  # a lambda, for instance, cannot be written
            text, needed = f"        ...,  # {operation.describe()}", set()
        code.append(text)
        imports |= needed - {"from django.db import models"}
    return code, imports


def _keeps_names(explanation: Explanation) -> bool:
    return explanation.rewritten and any(
        type(verdict.operation).__name__ in {"RenameField", "RenameModel"}
        for verdict in explanation.verdicts
    )


def _needs_two_deploys(explanation: Explanation) -> bool:
    stages = [stage for stage, _ in explanation.split]
    late = False
    for stage in stages:
        if late and stage is Stage.PRE_DEPLOY:
            return True
        late = late or stage is Stage.POST_DEPLOY
    return False


def baseline_hint(baseline: Mapping[str, str]) -> str:
    """Say how to tell history from what is still to be deployed."""
    entries = "".join(
        f'\n        "{app}": "{name}",' for app, name in sorted(baseline.items())
    )
    return (
        "Already applied everywhere? Say so once, in your settings:\n\n"
        f"    MIGRATION_STAGES_BASELINE = {{{entries}\n    }}"
    )


def unreadable_sql(operation: RunSQL) -> str:
    """Say that SQL cannot be read."""
    sql = " ".join(str(operation.sql).split())
    shown = f"{sql[:57]}..." if len(sql) > 60 else sql
    return f"What this SQL does to the schema cannot be told: {shown}"


def unreadable_hint(parser_is_installed: bool) -> str:
    """Say what to do about SQL that cannot be read."""
    declare = "set a stage on the migration, such as stage = Stage.PRE_DEPLOY"
    if parser_is_installed:
        return f"It is taken to suit both codes. If that is wrong, {declare}."
    return f'Install a parser with pip install "syzygy-like[sql]", or {declare}.'
