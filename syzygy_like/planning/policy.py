"""The policy that the settings amount to."""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.db.migrations import Migration

from syzygy_like import conf
from syzygy_like.planning.resolver import Policy

BRIDGED = {True: conf.Bridged.ALL, False: conf.Bridged.NONE}


def current(bridge: bool | None = None) -> Policy:
    """
    Return what the settings say of stages.

    All migrations are taken in halves where they have to be, or none, if ``bridge``
    says so. Raises InvalidSettingError where a value is of no use.
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
