"""What the configured databases can fill in, told without connecting to them."""

from __future__ import annotations

import datetime
import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import django
from django.conf import settings
from django.db import connections, models
from django.db.models import functions
from django.utils import timezone

from syzygy_like import __version__
from syzygy_like.schema.database_defaults import LARGE, Clock, DatabaseDefaults

# What a computation depends on beside the files, as it is written into the record.
Basis = Mapping[str, Any]

# What kinds of things there are in one.
KINDS: dict[str, type | tuple[type, ...]] = {
    "django": str,
    "vendors": list,
    "old_mysql": bool,
    "stored_zones": list,
    "time_zone": (str, type(None)),
    "use_tz": bool,
    "sets_local_time": bool,
}

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


def basis() -> Basis:
    """Return what the computation of the parts of a migration depends on, here."""
    return {
        "django": django.get_version(),
        "syzygy_like": __version__,
        "vendors": sorted(_vendors()),
        "old_mysql": _has_old_mysql(),
        "stored_zones": sorted(_stored_zones()),
        "time_zone": settings.TIME_ZONE,
        "use_tz": bool(settings.USE_TZ),
        "sets_local_time": hasattr(time, "tzset"),
    }


def is_basis(basis: Basis) -> bool:
    """Tell whether there is all in a basis that is computed with."""
    try:
        are_told = all(isinstance(basis[each], kind) for each, kind in KINDS.items())
        texts = [*basis["vendors"], *basis["stored_zones"]]
        are_texts = all(isinstance(each, str) for each in texts)
        return are_told and are_texts and bool(_series(basis))
    except (KeyError, TypeError, ValueError):
        return False


def is_computable(basis: Basis) -> bool:
    """Tell whether this Django can do what the one of a basis could."""
    return _series(basis) <= django.VERSION[:2]


def database_defaults(basis: Basis) -> DatabaseDefaults:
    """Return what all databases of a basis can fill in."""
    return DatabaseDefaults(
        _functions(basis),
        large=LARGE if basis["old_mysql"] else (),
        unsigned="mysql" in basis["vendors"],
        disposes=_series(basis) >= (6, 1),
        clocks=CLOCKS,
    )


def _series(basis: Basis) -> tuple[int, ...]:
    """Return the series of Django, such as (5, 2)."""
    major, minor = str(basis["django"]).split(".")[:2]
    return int(major), int("".join(itertools.takewhile(str.isdigit, minor)))


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


def _functions(basis: Basis) -> dict[tuple[Callable[..., Any], str], Any]:
    """
    Return the functions that give on every database just what Python's would.

    A UUID has to be made by the server, for SQLite has only what the code brings
    along, and that may be older. MySQL's is of another kind.
    """
    clocks, told = _clocks(basis), _told(basis)
    found = {(python, kind): clocks[kind] for python, kind in told if kind in clocks}
    if set(basis["vendors"]) == {"postgresql"}:
        found[uuid.uuid4, "UUIDField"] = _random_uuid(_series(basis))
    return found


def _told(basis: Basis) -> Iterator[tuple[Callable[..., Any], str]]:
    """Yield what tells the time that the settings stand for, and to which fields."""
    # Where Django cannot set it, Python's local time is that of the machine.
    is_local = bool(basis["time_zone"]) and basis["sets_local_time"]
    if basis["use_tz"] or is_local:
        yield timezone.now, "DateTimeField"
    for kind, callables in LOCAL.items() if is_local else ():
        for python in callables:
            yield python, kind


def _clocks(basis: Basis) -> dict[str, Any]:
    """
    Return functions for the present time, by the internal type of the field.

    PostgreSQL knows time zones. SQLite's clock shows UTC, and MySQL's does if it is
    asked to: what else it shows is the session's, which Django leaves as the server
    has it. So those two are right where Django stores UTC, and their dates are where
    it is the local time as well.
    """
    now, vendors = functions.Now(), set(basis["vendors"])
    if vendors == {"postgresql"}:
        date, time_of_day = functions.TruncDate(now), functions.TruncTime(now)
        return _by_kind(now, date, time_of_day)
    if set(basis["stored_zones"]) != {UTC}:
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
        if kind == "DateTimeField" or basis["time_zone"] == UTC
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


def _stored_zones() -> set[str]:
    """Return the time zones in which databases keep a time that has none."""
    servers = [connections[alias] for alias in connections]
    return {str(each.timezone_name) for each in servers if each.vendor != "unknown"}


def _random_uuid(series: tuple[int, ...]) -> Any:
    if series >= (6, 1):
        return functions.UUID4()
    from django.contrib.postgres.functions import RandomUUID

    return RandomUUID()
