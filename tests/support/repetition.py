"""How often what chance decides is tried."""

from __future__ import annotations

from hypothesis import settings


def often(few: int, many: int) -> int:
    """Return ``few``, or ``many`` where ``nox -s laws`` looks for what is rare."""
    return many if settings.get_current_profile_name() == "laws" else few
