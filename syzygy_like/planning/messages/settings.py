"""Messages about settings and attributes."""

from __future__ import annotations

import difflib
import enum
import importlib
import os
import traceback
from collections.abc import Iterable

import django
from django.db.migrations import Migration

import syzygy_like
from syzygy_like.conf import Bridged, Fault, Guarded, InvalidSettingError
from syzygy_like.planning.history import UnloadableError
from syzygy_like.planning.resolver import InvalidStageError


def _one_of(values: Iterable[enum.Enum]) -> str:
    return 'Use one of "{}".'.format('", "'.join(each.value for each in values))


HINTS = {
    Fault.NO_BRIDGE: _one_of(Bridged),
    Fault.NO_GUARD: _one_of(Guarded),
    Fault.NO_NUMBER: "Use a whole number, 0 or more.",
    Fault.NO_SUCH_ALIAS: "Use an alias that DATABASES, or CACHES, has.",
    Fault.NO_TEXTS: 'Use a list of texts, such as ["psql", "pg_dump*"].',
    Fault.NO_TIME: 'Use a number of seconds, or a text such as "500ms", "2s", "10min".',
}


def invalid_setting(problem: InvalidSettingError) -> str:
    """Say what is wrong with a setting."""
    if problem.fault is Fault.NO_MAPPING:
        return f"{problem.setting} is {problem.value!r}, which is no dictionary."
    if problem.fault is Fault.NO_BOOLEAN:
        return (
            f"{problem.setting} is {problem.value!r}, which is neither True nor False."
        )
    if problem.fault in HINTS:
        return f"{problem.setting} is {problem.value!r}, which it cannot be."
    if problem.fault is Fault.NO_STAGE:
        key = f"[{problem.key!r}]" if problem.key is not None else ""
        return f"{problem.setting}{key} is {problem.value!r}, which is no stage."
    what = "app with migrations" if problem.fault is Fault.NO_SUCH_APP else "migration"
    return f"{problem.setting} names {problem.key!r}, but there is no such {what}."


def setting_hint(problem: InvalidSettingError) -> str:
    """Say how to mend a setting."""
    if problem.fault is Fault.NO_MAPPING:
        return f'Write it like {problem.setting} = {{"app_label": ...}}.'
    if problem.fault is Fault.NO_BOOLEAN:
        return "Use True or False. A word from the environment is always true."
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
    """Say which migration or operation has a stage that is none."""
    owner = "The stage"
    if problem.owner is not problem.migration:
        owner = f"The stage of a {type(problem.owner).__name__}"
    return f"{owner} of {problem.migration} is {problem.value!r}, which is no stage."


def stage_hint() -> str:
    """Say how to declare a stage."""
    return f"{_STAGES} (from syzygy_like import Stage), or remove the attribute."


def invalid_delay(migration: Migration, value: object) -> str:
    """Say that a delay is none."""
    return f"The stage_delay of {migration} is {value!r}, which is no timedelta."


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
