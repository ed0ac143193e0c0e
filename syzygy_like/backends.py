"""What the configured databases can fill in, told without connecting to them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.db.models import functions
from django.utils import timezone

from syzygy_like.bridge.omission import LARGE, Omission


def omission() -> Omission:
    """Return what all configured databases can fill in."""
    vendors = _vendors()
    mysql = "mysql" in vendors
    return Omission(
        _functions(vendors),
        large=LARGE if mysql else (),
        unsigned=mysql,
        now=timezone.now,
    )


def _vendors() -> set[str]:
    engines = {alias: connections[alias].vendor for alias in connections}
    return {vendor for vendor in engines.values() if vendor != "unknown"}


def _functions(vendors: set[str]) -> dict[tuple[Callable[..., Any], str], Any]:
    """
    Return the functions that give on every database just what Python's would.

    SQLite has no time zones: what it takes for now is UTC. MySQL's is that of the
    session. A UUID has to be made by the server, for SQLite has only what the code
    brings along, and that may be older.
    """
    found: dict[tuple[Callable[..., Any], str], Any] = {}
    exact = {"postgresql", "sqlite"} if settings.USE_TZ else {"postgresql"}
    if vendors and vendors <= exact:
        found[timezone.now, "DateTimeField"] = functions.Now()
    if vendors == {"postgresql"}:
        found[uuid.uuid4, "UUIDField"] = _random_uuid()
    return found


def _random_uuid() -> Any:
    if django.VERSION >= (6, 1):
        return functions.UUID4()
    from django.contrib.postgres.functions import RandomUUID

    return RandomUUID()
