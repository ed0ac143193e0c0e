"""The texts of the system check: E001 to E007 and W001."""

from __future__ import annotations

import difflib
import enum
import importlib
import os
import textwrap
import traceback
from collections.abc import Iterable, Mapping, Sequence

import django
from django.db.migrations import Migration, RunSQL

import syzygy_like
from syzygy_like.compatibility.wording import NEW, OLD, clause, most_telling
from syzygy_like.conf import Bridged, Fault, Guarded, InvalidSettingError
from syzygy_like.planning.explanation import Explanation, OperationStage
from syzygy_like.planning.history import UnloadableError
from syzygy_like.planning.resolver import InvalidStageError
from syzygy_like.stages import Stage


def ambiguous(explanation: Explanation) -> str:
    """Say what is wrong with a migration that fits no stage."""
    if all(each.stage for each in explanation.operation_stages):
        first = "This migration mixes both sides of the deploy."
    else:
        first = "This migration cannot run before the deploy, and cannot run after it."
    paragraphs = [first, textwrap.indent(_table(explanation.operation_stages), "  ")]
    if why := _why(explanation.operation_stages):
        paragraphs.append(why)
    return "\n\n".join(paragraphs)


def _table(stages: Sequence[OperationStage]) -> str:
    """Return the operations with their stages, in columns."""
    rows = [
        (
            str(each.number),
            type(each.operation).__name__,
            each.target,
            each.stage.label if each.stage else "no stage",
            _reason(each),
        )
        for each in stages
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _reason(operation_stage: OperationStage) -> str:
    reasons = []
    for problems, code in (
        (operation_stage.resolution.before, OLD),
        (operation_stage.resolution.after, NEW),
    ):
        if problems:
            reasons.append(clause(most_telling(problems), code))
    if operation_stage.effect.opaque and not reasons:
        return "cannot be read: it stays with the others"
    return "; ".join(reasons)


def _why(stages: Sequence[OperationStage]) -> str:
    lost = [str(each.number) for each in stages if not each.stage]
    late = [str(each.number) for each in stages if each.stage is Stage.POST_DEPLOY]
    early = [str(each.number) for each in stages if each.stage is Stage.PRE_DEPLOY]
    if not (early and late):
        return ""
    breaks = "breaks" if len(late) == 1 else "break"
    comes = "comes" if len(early) == 1 else "come"
    text = (
        f"Before the deploy, {listed(late)} {breaks} the old version; "
        f"after the deploy, {listed(early)} {comes} too late."
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
    """Say that a migration has a backfill, and runs in one transaction."""
    return (
        f"{migration} is atomic, but it has a backfill, which commits each batch in a "
        "transaction of its own."
    )


def atomic_hint() -> str:
    """Say how to apply a migration without a transaction."""
    return (
        "Set atomic = False on the class of the migration. Move operations that need a "
        "transaction to another migration."
    )


def unreadable_sql(operation: RunSQL) -> str:
    """Say that SQL cannot be read."""
    sql = " ".join(str(operation.sql).split())
    shown = f"{sql[:57]}..." if len(sql) > 60 else sql
    return f"It is not known what this SQL does to the schema: {shown}"


def unreadable_hint(parser_is_installed: bool) -> str:
    """Say what to do about SQL that cannot be read."""
    declare = "set a stage on the migration, such as stage = Stage.PRE_DEPLOY"
    if parser_is_installed:
        return f"It is assumed to fit both stages. If it does not, {declare}."
    return f'Install a parser with pip install "syzygy-like[sql]", or {declare}.'


def _one_of(values: Iterable[enum.Enum]) -> str:
    return 'Use one of "{}".'.format('", "'.join(each.value for each in values))


HINTS = {
    Fault.NO_BRIDGE: _one_of(Bridged),
    Fault.NO_GUARD: _one_of(Guarded),
    Fault.NO_NUMBER: "Use a whole number, 0 or more.",
    Fault.NO_SUCH_ALIAS: "Use an alias that DATABASES or CACHES has.",
    Fault.NO_TEXTS: 'Use a list of strings, such as ["psql", "pg_dump*"].',
    Fault.NO_TIME: 'Use a number of seconds, or a string: "500ms", "2s", "10min".',
}


def invalid_setting(problem: InvalidSettingError) -> str:
    """Say what is wrong with a setting."""
    if problem.fault is Fault.NO_MAPPING:
        return f"{problem.setting} is {problem.value!r}, which is not a dictionary."
    if problem.fault is Fault.NO_BOOLEAN:
        return (
            f"{problem.setting} is {problem.value!r}, which is neither True nor False."
        )
    if problem.fault in HINTS:
        return f"{problem.setting} is {problem.value!r}, which is not a valid value."
    if problem.fault is Fault.NO_STAGE:
        key = f"[{problem.key!r}]" if problem.key is not None else ""
        return f"{problem.setting}{key} is {problem.value!r}, which is not a stage."
    what = "app with migrations" if problem.fault is Fault.NO_SUCH_APP else "migration"
    return f"{problem.setting} names {problem.key!r}, but there is no such {what}."


def setting_hint(problem: InvalidSettingError) -> str:
    """Say how to correct a setting."""
    if problem.fault is Fault.NO_MAPPING:
        return f'Write it like {problem.setting} = {{"app_label": ...}}.'
    if problem.fault is Fault.NO_BOOLEAN:
        return "Use True or False. A string from the environment is always true."
    if problem.fault in HINTS:
        return HINTS[problem.fault]
    if problem.fault is Fault.NO_STAGE:
        return f"{_STAGES} from syzygy_like."
    return _did_you_mean(problem) or "Correct the name, or remove the key."


_STAGES = "Use Stage.PRE_DEPLOY, Stage.POST_DEPLOY or Stage.ANY"


def _did_you_mean(problem: InvalidSettingError) -> str:
    app_label, _, name = str(problem.key).partition(".")
    missing_app = problem.fault is Fault.NO_SUCH_APP
    wanted = app_label if missing_app else name
    close = difflib.get_close_matches(wanted, problem.candidates, n=1, cutoff=0.5)
    if not close:
        return ""
    right = close[0] if missing_app else f"{app_label}.{close[0]}"
    return f"Did you mean {right!r}?"


def invalid_stage(problem: InvalidStageError) -> str:
    """Say which migration or operation has a stage that is not one."""
    owner = "The stage"
    if problem.owner is not problem.migration:
        owner = f"The stage of a {type(problem.owner).__name__}"
    return f"{owner} of {problem.migration} is {problem.value!r}, which is not a stage."


def stage_hint() -> str:
    """Say how to declare a stage."""
    return f"{_STAGES} (from syzygy_like import Stage), or remove the attribute."


def invalid_delay(migration: Migration, value: object) -> str:
    """Say that a delay is not a timedelta."""
    return f"The stage_delay of {migration} is {value!r}, which is not a timedelta."


def unloadable(problem: UnloadableError) -> str:
    """Say that the migrations cannot be loaded."""
    error = problem.error
    place = _place(error)
    where = f" ({place.filename}, line {place.lineno})" if place else ""
    return f"The migrations cannot be loaded: {type(error).__name__}: {error}{where}."


def _place(error: Exception) -> traceback.FrameSummary | None:
    """Return where in a project's own code an error comes from."""
    packages = [*django.__path__, *importlib.__path__, *syzygy_like.__path__]
    others = ("<frozen ", *(f"{package}{os.sep}" for package in packages))
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if not each.filename.startswith(others)]
    return own[-1] if own else None
