"""What the configured databases can fill in, told without connecting to them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import django
from django.conf import settings
from django.db import connections
from django.db.models import functions
from django.utils import timezone

from syzygy_like import __version__
from syzygy_like.bridge.omission import LARGE, Omission

# What a computation depends on beside the files, as it is written into the record.
Basis = Mapping[str, Any]


def basis() -> Basis:
    """Return what the computation of the parts of a migration depends on, here."""
    return {
        "django": django.get_version(),
        "syzygy_like": __version__,
        "vendors": sorted(_vendors()),
        "use_tz": bool(settings.USE_TZ),
    }


def is_computable(basis: Basis) -> bool:
    """Tell whether this Django can do what the one of a basis could."""
    return _series(basis) <= django.VERSION[:2]


def omission(basis: Basis) -> Omission:
    """Return what all databases of a basis can fill in."""
    vendors = set(basis["vendors"])
    mysql = "mysql" in vendors
    return Omission(
        _functions(basis),
        large=LARGE if mysql else (),
        unsigned=mysql,
        disposes=_series(basis) >= (6, 1),
        now=timezone.now,
    )


def _series(basis: Basis) -> tuple[int, ...]:
    major, minor = str(basis["django"]).split(".")[:2]
    return int(major), int("".join(itertools.takewhile(str.isdigit, minor)))


def _vendors() -> set[str]:
    engines = {alias: connections[alias].vendor for alias in connections}
    return {vendor for vendor in engines.values() if vendor != "unknown"}


def _functions(basis: Basis) -> dict[tuple[Callable[..., Any], str], Any]:
    """
    Return the functions that give on every database just what Python's would.

    SQLite has no time zones: what it takes for now is UTC. MySQL's is that of the
    session. A UUID has to be made by the server, for SQLite has only what the code
    brings along, and that may be older.
    """
    vendors = set(basis["vendors"])
    found: dict[tuple[Callable[..., Any], str], Any] = {}
    exact = {"postgresql", "sqlite"} if basis["use_tz"] else {"postgresql"}
    if vendors and vendors <= exact:
        found[timezone.now, "DateTimeField"] = functions.Now()
    if vendors == {"postgresql"}:
        found[uuid.uuid4, "UUIDField"] = _random_uuid(_series(basis))
    return found


def _random_uuid(series: tuple[int, ...]) -> Any:
    if series >= (6, 1):
        return functions.UUID4()
    from django.contrib.postgres.functions import RandomUUID

    return RandomUUID()
