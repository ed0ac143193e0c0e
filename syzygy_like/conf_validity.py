"""What can be wrong with the settings."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

from syzygy_like import conf_durations
from syzygy_like.conf import (
    BASELINE,
    BRIDGE,
    FALLBACK,
    GUARD,
    LOCK_DATABASE,
    LOCK_RETRIES,
    LOCK_TIMEOUT,
    LOCK_WAIT,
    MARK_CONNECTIONS,
    OVERRIDE,
    QUORUM_CACHE,
    ROLLOUT_IGNORE,
    SKIP_BLOCKED,
    STATEMENT_TIMEOUT,
    THIRD_PARTY_FALLBACK,
    Bridged,
    Guarded,
    mapping,
    third_party_fallback,
)
from syzygy_like.stages import Stage

if TYPE_CHECKING:
    from django.db.migrations.loader import MigrationLoader


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
    key: Any = None
    value: Any = None
    candidates: tuple[str, ...] = ()


def invalid_settings(loader: MigrationLoader) -> Iterator[InvalidSettingError]:
    """Yield all that is wrong with the settings, given the migrations there are."""
    yield from invalid_values()
    for setting in (OVERRIDE, FALLBACK):
        for key in mapping(setting):
            yield from _invalid_key(setting, key, loader)
    for app_label, name in mapping(BASELINE).items():
        yield from _invalid_key(BASELINE, f"{app_label}.{name}", loader)


def _is_time(value: Any) -> bool:
    try:
        conf_durations.seconds(value)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _are_aliases(value: Any) -> bool:
    """Tell whether it is an alias, or a mapping of aliases."""
    aliases = [*value, *value.values()] if isinstance(value, Mapping) else [value]
    return all(isinstance(each, str) and each in settings.DATABASES for each in aliases)


def _are_texts(value: Any) -> bool:
    is_list = isinstance(value, (list, tuple, set, frozenset))
    return is_list and all(isinstance(each, str) for each in value)


# What is wrong with a setting that is there, unless it is valid.
VALID: dict[str, tuple[Fault, Callable[[Any], bool]]] = {
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
    """Yield the values that are of no use, whatever migrations there are."""
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
    setting: str, key: Any, loader: MigrationLoader
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
