"""The policy that the settings amount to."""

from __future__ import annotations

import sys

from django.db.migrations import Migration

from syzygy_like import conf
from syzygy_like.resolver import Policy


def current() -> Policy:
    """
    Return what the settings say of stages.

    Raises InvalidSettingError where a value is of no use.
    """
    for problem in conf.invalid_values():
        raise problem
    return Policy(
        overrides=conf.mapping(conf.OVERRIDE),
        fallbacks=conf.mapping(conf.FALLBACK),
        third_party_fallback=conf.third_party_fallback(),
        is_third_party=is_third_party,
    )


def is_third_party(migration: Migration) -> bool:
    """Tell whether the file of a migration was installed, not written here."""
    module = sys.modules.get(type(migration).__module__)
    path = getattr(module, "__file__", None) or ""
    return conf.is_installed(path)
