"""What the configured databases can fill in, told without connecting to them."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import django
from django.conf import settings
from django.db import connections, models
from django.db.models import functions
from django.utils import timezone

from syzygy_like.bridge.omission import LARGE, Clock, Omission

UTC = "UTC"
# As Django's auto_now has them.
CLOCKS: dict[str, Callable[[], Any]] = {
    "DateTimeField": timezone.now,
    "DateField": datetime.date.today,
    "TimeField": Clock(
        lambda: datetime.datetime.now().time(),
        "datetime.datetime.now().time",
        frozenset({"import datetime"}),
    ),
}
# What Python takes dates and times of day from, by the internal type of the field.
LOCAL: dict[str, tuple[Callable[..., Any], ...]] = {
    "DateTimeField": (datetime.datetime.now,),
    "DateField": (
        datetime.date.today,
        datetime.datetime.now,
        timezone.localdate,
        timezone.now,
    ),
    "TimeField": (CLOCKS["TimeField"], datetime.datetime.now),
}


def omission() -> Omission:
    """Return what all configured databases can fill in."""
    vendors = _vendors()
    return Omission(
        _functions(vendors),
        large=LARGE if _has_old_mysql() else (),
        unsigned="mysql" in vendors,
        clocks=CLOCKS,
    )


def _vendors() -> set[str]:
    engines = {alias: connections[alias].vendor for alias in connections}
    return {vendor for vendor in engines.values() if vendor != "unknown"}


def _has_old_mysql() -> bool:
    """Tell of MySQL before 8.0.13, as far as it is known without connecting."""
    servers: list[Any] = [connections[alias] for alias in connections]
    return any(
        not each.features.supports_expression_defaults
        for each in servers
        if each.vendor == "mysql" and each.connection is not None
    )


def _functions(vendors: set[str]) -> dict[tuple[Callable[..., Any], str], Any]:
    """
    Return the functions that give on every database just what Python's would.

    A UUID has to be made by the server, for SQLite has only what the code brings
    along, and that may be older. MySQL's is of another kind.
    """
    clocks = _clocks(vendors)
    found = {(python, kind): clocks[kind] for python, kind in _told() if kind in clocks}
    if vendors == {"postgresql"}:
        found[uuid.uuid4, "UUIDField"] = _random_uuid()
    return found


def _told() -> Iterator[tuple[Callable[..., Any], str]]:
    """Yield what tells the time that the settings stand for, and to which fields."""
    # Where Django cannot set it, Python's local time is that of the machine.
    is_local = bool(settings.TIME_ZONE) and hasattr(time, "tzset")
    if settings.USE_TZ or is_local:
        yield timezone.now, "DateTimeField"
    for kind, callables in LOCAL.items() if is_local else ():
        for python in callables:
            yield python, kind


def _clocks(vendors: set[str]) -> dict[str, Any]:
    """
    Return functions for the present time, by the internal type of the field.

    PostgreSQL knows time zones. SQLite's clock shows UTC, and MySQL's does if it is
    asked to: what else it shows is the session's, which Django leaves as the server
    has it. So those two are right where Django stores UTC, and their dates are where
    it is the local time as well.
    """
    now = functions.Now()
    if vendors == {"postgresql"}:
        date, time_of_day = functions.TruncDate(now), functions.TruncTime(now)
        return _by_kind(now, date, time_of_day)
    if _stored_zones() != {UTC}:
        return {}
    if vendors == {"mysql"}:
        found = _by_kind(*_mysql_clocks())
    elif vendors and vendors <= {"postgresql", "sqlite"}:
        kinds = (models.DateField(), models.TimeField())
        found = _by_kind(now, *(functions.Cast(now, kind) for kind in kinds))
    else:
        return {}
    return {
        kind: function
        for kind, function in found.items()
        if kind == "DateTimeField" or settings.TIME_ZONE == UTC
    }


def _by_kind(now: Any, date: Any, time_of_day: Any) -> dict[str, Any]:
    return {"DateTimeField": now, "DateField": date, "TimeField": time_of_day}


def _mysql_clocks() -> Iterator[Any]:
    for template, kind in (
        ("UTC_TIMESTAMP(6)", models.DateTimeField()),
        ("UTC_DATE()", models.DateField()),
        ("UTC_TIME(6)", models.TimeField()),
    ):
        yield models.Func(template=template, output_field=kind)


def _stored_zones() -> set[str | None]:
    """Return the time zones in which databases keep a time that has none."""
    servers = [connections[alias] for alias in connections]
    return {each.timezone_name for each in servers if each.vendor != "unknown"}


def _random_uuid() -> Any:
    if django.VERSION >= (6, 1):
        return functions.UUID4()
    from django.contrib.postgres.functions import RandomUUID

    return RandomUUID()
