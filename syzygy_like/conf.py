"""The settings, read whenever they are needed."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
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
ALL = (OVERRIDE, FALLBACK, THIRD_PARTY_FALLBACK, BASELINE, SKIP_BLOCKED, BRIDGE)


class Bridged(enum.Enum):
    """Whose migrations are taken in halves where they fit no stage."""

    ALL = "all"
    THIRD_PARTY = "third-party"
    NONE = "none"


class Fault(enum.Enum):
    """What can be wrong with a setting."""

    NO_MAPPING = enum.auto()
    NO_STAGE = enum.auto()
    NO_SUCH_APP = enum.auto()
    NO_SUCH_MIGRATION = enum.auto()
    NO_BOOLEAN = enum.auto()
    NO_BRIDGE = enum.auto()


@dataclasses.dataclass(eq=False)
class InvalidSettingError(Exception):
    """A setting, or one key of it, that cannot be used."""

    setting: str
    fault: Fault
    key: Any = None
    value: Any = None
    candidates: tuple[str, ...] = ()


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


def is_installed(path: str) -> bool:
    """Tell whether a file was installed, by the folders of its path."""
    return not {"site-packages", "dist-packages"}.isdisjoint(PurePath(path).parts)


def invalid_settings(loader: MigrationLoader) -> Iterator[InvalidSettingError]:
    """Yield all that is wrong with the settings, given the migrations there are."""
    yield from invalid_values()
    for setting in (OVERRIDE, FALLBACK):
        for key in mapping(setting):
            yield from _invalid_key(setting, key, loader)
    for app_label, name in mapping(BASELINE).items():
        yield from _invalid_key(BASELINE, f"{app_label}.{name}", loader)


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


def invalid_values() -> Iterator[InvalidSettingError]:
    """Yield the values that are of no use, whatever migrations there are."""
    for setting in (OVERRIDE, FALLBACK, BASELINE):
        value = getattr(settings, setting, None) or {}
        if not isinstance(value, Mapping):
            yield InvalidSettingError(setting, Fault.NO_MAPPING, value=value)
    skips = getattr(settings, SKIP_BLOCKED, False)
    if not isinstance(skips, bool):
        yield InvalidSettingError(SKIP_BLOCKED, Fault.NO_BOOLEAN, value=skips)
    bridge = getattr(settings, BRIDGE, Bridged.THIRD_PARTY.value)
    if bridge not in [each.value for each in Bridged]:
        yield InvalidSettingError(BRIDGE, Fault.NO_BRIDGE, value=bridge)
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
