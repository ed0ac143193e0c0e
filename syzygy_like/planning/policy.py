"""What the settings say of stages, as a policy."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping

from django.db.migrations import Migration

from syzygy_like import conf
from syzygy_like.stages import Stage

BRIDGED = {True: conf.Bridged.ALL, False: conf.Bridged.NONE}


@dataclasses.dataclass(frozen=True)
class Policy:
    """
    What a project says of stages beside its migrations.

    Keys are "app_label" or "app_label.migration_name", of which the second wins.
    ``bridges`` tells whether a migration that fits no stage is applied in parts.
    """

    overrides: Mapping[str, Stage] = dataclasses.field(default_factory=dict)
    fallbacks: Mapping[str, Stage] = dataclasses.field(default_factory=dict)
    third_party_fallback: Stage | None = Stage.PRE_DEPLOY
    is_third_party: Callable[[Migration], bool] = lambda migration: False
    bridges: Callable[[Migration], bool] = lambda migration: False

    def override(self, migration: Migration) -> Stage | None:
        """Return the stage that a setting overrides all others with, if any."""
        return _lookup(self.overrides, migration)

    def fallback(self, migration: Migration) -> Stage | None:
        """Return the stage of a migration that fits none, if any."""
        stage = _lookup(self.fallbacks, migration)
        if stage is None and self.is_third_party(migration):
            return self.third_party_fallback
        return stage


def _lookup(stages: Mapping[str, Stage], migration: Migration) -> Stage | None:
    return stages.get(str(migration), stages.get(migration.app_label))


def current_policy(bridge: bool | None = None) -> Policy:
    """
    Return what the settings say of stages.

    If ``bridge`` is given, all migrations that fit no stage are applied in parts, or
    none. Raises InvalidSettingError if a value is invalid.
    """
    for problem in conf.invalid_values():
        raise problem
    bridged = conf.bridged() if bridge is None else BRIDGED[bridge]
    return Policy(
        overrides=conf.mapping(conf.OVERRIDE),
        fallbacks=conf.mapping(conf.FALLBACK),
        third_party_fallback=conf.third_party_fallback(bridged),
        is_third_party=is_third_party,
        bridges=_bridges(bridged),
    )


def _bridges(bridged: conf.Bridged) -> Callable[[Migration], bool]:
    if bridged is conf.Bridged.THIRD_PARTY:
        return is_third_party
    return lambda migration: bridged is conf.Bridged.ALL


def is_third_party(migration: Migration) -> bool:
    """Tell whether the file of a migration was installed, not written here."""
    module = sys.modules.get(type(migration).__module__)
    path = getattr(module, "__file__", None) or ""
    return conf.is_installed(path)
