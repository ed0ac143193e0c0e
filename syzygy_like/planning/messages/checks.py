"""Messages about migrations that fit no stage."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from django.db.migrations import Migration, RunSQL

from syzygy_like.compatibility.wording import NEW, OLD, clause, most_telling
from syzygy_like.planning.explanation import Explanation, OperationStage
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


def _table(verdicts: Sequence[OperationStage]) -> str:
    """Return the operations with their stages, in columns."""
    rows = [
        (
            str(verdict.number),
            type(verdict.operation).__name__,
            verdict.target,
            verdict.stage.label if verdict.stage else "no stage",
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


def _reason(verdict: OperationStage) -> str:
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


def _why(verdicts: Sequence[OperationStage]) -> str:
    lost = [str(each.number) for each in verdicts if not each.stage]
    late = [str(each.number) for each in verdicts if each.stage is Stage.POST_DEPLOY]
    early = [str(each.number) for each in verdicts if each.stage is Stage.PRE_DEPLOY]
    if not (early and late):
        return ""
    breaks = "breaks" if len(late) == 1 else "break"
    comes = "comes" if len(early) == 1 else "come"
    text = (
        f"Before the deploy, {listed(late)} {breaks} the code now serving; "
        f"after it, {listed(early)} {comes} too late."
    )
    fit = "fits" if len(lost) == 1 else "fit"
    return f"{text} {listed(lost)} {fit} neither side." if lost else text


def listed(words: Sequence[str]) -> str:
    """Return words as they are listed in a sentence: "1, 2 and 3"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def baseline_hint(baseline: Mapping[str, str]) -> str:
    """Say how to tell history from what is still to be deployed."""
    entries = "".join(
        f'\n        "{app}": "{name}",' for app, name in sorted(baseline.items())
    )
    return (
        "Already applied everywhere? Say so once, in your settings:\n\n"
        f"    MIGRATION_STAGES_BASELINE = {{{entries}\n    }}"
    )


def in_transaction(migration: Migration) -> str:
    """Say that a migration has a backfill, and is one transaction."""
    return (
        f"{migration} has a backfill, whose batches are transactions of their own, but "
        "the whole migration is to be one."
    )


def atomic_hint() -> str:
    """Say how to apply a migration in no transaction."""
    return (
        "Set atomic = False on the class of the migration. Move operations that are to "
        "be in a transaction to another migration."
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
