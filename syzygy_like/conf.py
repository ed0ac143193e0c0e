"""The settings: read whenever they are needed, and what can be wrong with them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings

from syzygy_like.stages import Stage

if TYPE_CHECKING:
    from django.db.migrations.loader import MigrationLoader

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
    """Whose migrations are applied in parts if they fit no stage."""

    ALL = "all"
    THIRD_PARTY = "third-party"
    NONE = "none"


class Guarded(enum.Enum):
    """Which runs of migrate are guarded."""

    STAGED = "staged"
    ALL = "all"


def baseline() -> dict[str, str]:
    """Return by app the name of the last migration that is applied everywhere."""
    return {
        app_label: name
        for app_label, name in mapping(BASELINE).items()
        if isinstance(app_label, str) and isinstance(name, str)
    }


def skips_blocked() -> bool:
    """Tell whether blocked migrations are left out, rather than an error."""
    return getattr(settings, SKIP_BLOCKED, False) is True


def guards_plain() -> bool:
    """
    Tell whether a run without a stage is guarded, too, if it has anything to do.

    By default it is, except for test databases, which nobody else migrates.
    """
    # A guarded run reports an invalid value.
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
    """Tell whether connections are marked with the version that they belong to."""
    return getattr(settings, MARK_CONNECTIONS, False) is True


def rollout_ignored() -> list[str]:
    """Return patterns of application names that are not the project's code."""
    return list(getattr(settings, ROLLOUT_IGNORE, None) or [])


def is_installed(path: str) -> bool:
    """Tell whether a file was installed, by the folders of its path."""
    return not {"site-packages", "dist-packages"}.isdisjoint(PurePath(path).parts)


def mapping(setting: str) -> Mapping[Any, Any]:
    """Return a setting that is a mapping, an empty one if it is anything else."""
    value = getattr(settings, setting, None) or {}
    return value if isinstance(value, Mapping) else {}


def bridged() -> Bridged:
    """Return whose migrations are applied in parts."""
    value = getattr(settings, BRIDGE, Bridged.THIRD_PARTY.value)
    found = (each for each in Bridged if each.value == value)
    return next(found, Bridged.THIRD_PARTY)


def third_party_fallback(bridged: Bridged = Bridged.NONE) -> Stage | None:
    """Return the stage of third-party migrations that fit none and are not split."""
    default = Stage.PRE_DEPLOY if bridged is Bridged.NONE else None
    stage: Stage | None = getattr(settings, THIRD_PARTY_FALLBACK, default)
    return stage


# In seconds. PostgreSQL keeps timeouts in milliseconds, in 32 bits.
LONGEST = (2**31 - 1) / 1000
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)?")


def parse_duration(value: object) -> float:
    """
    Return a length of time in seconds.

    ``value`` is a ``timedelta``, a number of seconds, or a string such as "500ms",
    "2s", "1.5min" or "1h"; without a unit it is in seconds. Raises ValueError, also
    for more than 24 days.
    """
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, str):
        match = PATTERN.fullmatch(value.strip())
        if match is None:
            raise ValueError(value)
        value = float(match[1]) * UNITS[match[2] or "s"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(value)
    if not 0 <= value <= LONGEST:
        raise ValueError(value)
    return float(value)


def format_duration(length: float) -> str:
    """Return a number of seconds as people write it: "500 ms", "12 s", "3 min 5 s"."""
    if length < 1:
        return f"{length * 1000:.0f} ms"
    if length < 10 and length % 1:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


class Fault(enum.Enum):
    """What can be wrong with a setting."""

    NO_MAPPING = enum.auto()
    NO_STAGE = enum.auto()
    NO_SUCH_APP = enum.auto()
    NO_SUCH_MIGRATION = enum.auto()
    NO_BOOLEAN = enum.auto()
    NO_BRIDGE = enum.auto()
    NO_GUARD = enum.auto()
    NO_NUMBER = enum.auto()
    NO_SUCH_ALIAS = enum.auto()
    NO_TEXTS = enum.auto()
    NO_TIME = enum.auto()


@dataclasses.dataclass(eq=False)
class InvalidSettingError(Exception):
    """A setting, or one key of it, that cannot be used."""

    setting: str
    fault: Fault
    key: object = None
    value: object = None
    candidates: tuple[str, ...] = ()


def invalid_settings(loader: MigrationLoader) -> Iterator[InvalidSettingError]:
    """Yield all that is wrong with the settings, given the migrations there are."""
    yield from invalid_values()
    for setting in (OVERRIDE, FALLBACK):
        for key in mapping(setting):
            yield from _invalid_key(setting, key, loader)
    for app_label, name in mapping(BASELINE).items():
        yield from _invalid_key(BASELINE, f"{app_label}.{name}", loader)


def _is_time(value: object) -> bool:
    try:
        parse_duration(value)
    except ValueError:
        return False
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _are_aliases(value: object) -> bool:
    """Tell whether it is an alias, or a mapping of aliases."""
    aliases = [*value, *value.values()] if isinstance(value, Mapping) else [value]
    return all(isinstance(each, str) and each in settings.DATABASES for each in aliases)


def _are_texts(value: object) -> bool:
    if not isinstance(value, (list, tuple, set, frozenset)):
        return False
    return all(isinstance(each, str) for each in value)


# What is wrong with a setting that is there, unless it is valid.
VALID: dict[str, tuple[Fault, Callable[[object], bool]]] = {
    SKIP_BLOCKED: (Fault.NO_BOOLEAN, _is_boolean),
    BRIDGE: (Fault.NO_BRIDGE, lambda value: value in [each.value for each in Bridged]),
    GUARD: (Fault.NO_GUARD, lambda value: value in [each.value for each in Guarded]),
    LOCK_DATABASE: (Fault.NO_SUCH_ALIAS, _are_aliases),
    LOCK_WAIT: (Fault.NO_TIME, _is_time),
    LOCK_TIMEOUT: (Fault.NO_TIME, _is_time),
    LOCK_RETRIES: (Fault.NO_NUMBER, _is_number),
    STATEMENT_TIMEOUT: (Fault.NO_TIME, _is_time),
    QUORUM_CACHE: (
        Fault.NO_SUCH_ALIAS,
        lambda value: isinstance(value, str) and value in settings.CACHES,
    ),
    MARK_CONNECTIONS: (Fault.NO_BOOLEAN, _is_boolean),
    ROLLOUT_IGNORE: (Fault.NO_TEXTS, _are_texts),
}


# Where there is another default than None.
DEFAULTS = {SKIP_BLOCKED: False, BRIDGE: Bridged.THIRD_PARTY.value}


def invalid_values() -> Iterator[InvalidSettingError]:
    """Yield the invalid values, whatever migrations there are."""
    for setting in (OVERRIDE, FALLBACK, BASELINE):
        value = getattr(settings, setting, None) or {}
        if not isinstance(value, Mapping):
            yield InvalidSettingError(setting, Fault.NO_MAPPING, value=value)
    for setting, (fault, is_valid) in VALID.items():
        value = getattr(settings, setting, DEFAULTS.get(setting))
        if not (is_valid(value) or value is DEFAULTS.get(setting)):
            yield InvalidSettingError(setting, fault, value=value)
    for setting in (OVERRIDE, FALLBACK):
        for key, stage in mapping(setting).items():
            if not (isinstance(stage, Stage) and stage):
                yield InvalidSettingError(setting, Fault.NO_STAGE, key, stage)
    stage = third_party_fallback()
    if stage is not None and not (isinstance(stage, Stage) and stage):
        yield InvalidSettingError(THIRD_PARTY_FALLBACK, Fault.NO_STAGE, value=stage)


def _invalid_key(
    setting: str, key: object, loader: MigrationLoader
) -> Iterator[InvalidSettingError]:
    app_label, _, name = str(key).partition(".")
    if app_label not in loader.migrated_apps:
        yield InvalidSettingError(
            setting,
            Fault.NO_SUCH_APP,
            key,
            candidates=tuple(sorted(loader.migrated_apps)),
        )
    elif (name or setting == BASELINE) and (
        app_label,
        name,
    ) not in loader.disk_migrations:
        names = (name for label, name in loader.disk_migrations if label == app_label)
        yield InvalidSettingError(
            setting, Fault.NO_SUCH_MIGRATION, key, candidates=tuple(sorted(names))
        )
