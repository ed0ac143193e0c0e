"""The settings, read whenever they are needed."""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from django.conf import settings

from syzygy_like.stages import Stage

OVERRIDE = "MIGRATION_STAGES_OVERRIDE"
FALLBACK = "MIGRATION_STAGES_FALLBACK"
THIRD_PARTY_FALLBACK = "MIGRATION_THIRD_PARTY_STAGES_FALLBACK"
BASELINE = "MIGRATION_STAGES_BASELINE"
SKIP_BLOCKED = "MIGRATION_STAGES_SKIP_BLOCKED"
BRIDGE = "MIGRATION_BRIDGE"
GUARD = "MIGRATION_GUARD"
LOCK_DATABASE = "MIGRATION_LOCK_DATABASE"
LOCK_WAIT = "MIGRATION_LOCK_WAIT"
LOCK_TIMEOUT = "MIGRATION_LOCK_TIMEOUT"
LOCK_RETRIES = "MIGRATION_LOCK_RETRIES"
STATEMENT_TIMEOUT = "MIGRATION_STATEMENT_TIMEOUT"
QUORUM_CACHE = "MIGRATION_QUORUM_CACHE"
MARK_CONNECTIONS = "MIGRATION_MARK_CONNECTIONS"
ROLLOUT_IGNORE = "MIGRATION_ROLLOUT_IGNORE"
ALL = (
    OVERRIDE,
    FALLBACK,
    THIRD_PARTY_FALLBACK,
    BASELINE,
    SKIP_BLOCKED,
    BRIDGE,
    GUARD,
    LOCK_DATABASE,
    LOCK_WAIT,
    LOCK_TIMEOUT,
    LOCK_RETRIES,
    STATEMENT_TIMEOUT,
    QUORUM_CACHE,
    MARK_CONNECTIONS,
    ROLLOUT_IGNORE,
)


class Bridged(enum.Enum):
    """Whose migrations are taken in halves where they fit no stage."""

    ALL = "all"
    THIRD_PARTY = "third-party"
    NONE = "none"


class Guarded(enum.Enum):
    """Which runs of migrate are looked after."""

    STAGED = "staged"
    ALL = "all"


def baseline() -> dict[str, str]:
    """Return by app the name of the last migration that is taken as history."""
    return {
        app_label: name
        for app_label, name in mapping(BASELINE).items()
        if isinstance(app_label, str) and isinstance(name, str)
    }


def skips_blocked() -> bool:
    """Tell whether what is blocked is left out, rather than an error."""
    return getattr(settings, SKIP_BLOCKED, False) is True


def guards_plain() -> bool:
    """
    Tell whether a run without a stage is looked after, too, if it has anything to do.

    By default it is, but for databases of tests, which nobody else migrates.
    """
    # What it cannot be is told by a run that is looked after.
    value = getattr(settings, GUARD, None)
    if value is None:
        tests = sys.modules.get("django.test.utils")
        return not hasattr(getattr(tests, "_TestState", None), "saved_data")
    return bool(value != Guarded.STAGED.value)


def limits_statements() -> bool:
    """Tell whether a setting limits how long statements wait, or take."""
    limits = (LOCK_TIMEOUT, STATEMENT_TIMEOUT)
    return any(getattr(settings, each, None) is not None for each in limits)


def value(setting: str) -> Any:
    """Return a setting as it is, None if there is none."""
    return getattr(settings, setting, None)


def lock_alias(alias: str) -> str:
    """Return the database that has the lock of a database's migrations."""
    value = getattr(settings, LOCK_DATABASE, None) or alias
    return str(value.get(alias, alias) if isinstance(value, Mapping) else value)


def quorum_cache() -> str | None:
    """Return the cache that parties of a quorum meet in, None for the database."""
    value: str | None = getattr(settings, QUORUM_CACHE, None)
    return value


def marks_connections() -> bool:
    """Tell whether connections say which code they belong to."""
    return getattr(settings, MARK_CONNECTIONS, False) is True


def rollout_ignored() -> list[str]:
    """Return patterns of application names that are no code of the project's."""
    return list(getattr(settings, ROLLOUT_IGNORE, None) or [])


def is_installed(path: str) -> bool:
    """Tell whether a file was installed, by the folders of its path."""
    return not {"site-packages", "dist-packages"}.isdisjoint(PurePath(path).parts)


def mapping(setting: str) -> Mapping[Any, Any]:
    """Return a setting that is a mapping, an empty one if it is anything else."""
    value = getattr(settings, setting, None) or {}
    return value if isinstance(value, Mapping) else {}


def bridged() -> Bridged:
    """Return whose migrations are taken in halves."""
    value = getattr(settings, BRIDGE, Bridged.THIRD_PARTY.value)
    found = (each for each in Bridged if each.value == value)
    return next(found, Bridged.THIRD_PARTY)


def third_party_fallback(bridged: Bridged = Bridged.NONE) -> Stage | None:
    """Return the stage of third-party migrations that fit none, nor go in halves."""
    default = Stage.PRE_DEPLOY if bridged is Bridged.NONE else None
    stage: Stage | None = getattr(settings, THIRD_PARTY_FALLBACK, default)
    return stage
