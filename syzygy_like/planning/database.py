"""
What the databases of a project have and can do, told without connecting to them.

The routers say which models and operations are on a database; its backend says what it
can fill in by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import connections, models, router
from django.db.migrations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState
from django.db.models import Func, functions
from django.utils import timezone

from syzygy_like import __version__
from syzygy_like.schema import Patch, Schema
from syzygy_like.schema.database_defaults import LARGE, Clock, DatabaseDefaults
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.sql import read_sql


@dataclasses.dataclass(frozen=True)
class Database:
    """A database: what the routers and its backend say of it."""

    alias: str

    def has(self, model: ModelState) -> bool:
        """Tell whether a model has a table."""
        if is_swapped(model):
            return False
        hints = {}
        with contextlib.suppress(LookupError):  # of history only, there is no class
            hints["model"] = apps.get_model(model.app_label, model.name_lower)
        return router.allow_migrate(
            self.alias, model.app_label, model_name=model.name_lower, **hints
        )

    def permits(self, app_label: str, operation: Operation) -> bool:
        """Tell whether an operation that has hints for the routers runs at all."""
        hints = getattr(operation, "hints", {})
        return router.allow_migrate(self.alias, app_label, **hints)

    def read_sql(self, operation: RunSQL, schema: Schema) -> Patch | None:
        """Return what SQL does to a schema, None if it cannot be told."""
        return read_sql(operation, schema, connections[self.alias].vendor)

    @property
    def unsigned(self) -> bool:
        """Whether positive integers use the bit of the sign for their values."""
        return connections[self.alias].vendor == "mysql"

    @property
    def resumes(self) -> bool:
        """Whether a migration may stop between two statements, and resume there."""
        return not connections[self.alias].features.can_rollback_ddl

    @property
    def reader(self) -> Reader:
        """A reader of what operations do to this database."""
        return Reader(self.read_sql, self.permits)


class AnyDatabase(Database):
    """A database that has the tables of all models."""

    def has(self, model: ModelState) -> bool:
        """Tell whether a model has a table."""
        return not is_swapped(model)

    def permits(self, app_label: str, operation: Operation) -> bool:
        """Tell that every operation runs on it."""
        return True


def is_swapped(model: ModelState) -> bool:
    """Tell whether another model is swapped in for this one."""
    setting = model.options.get("swappable")
    swapped_in: str | None = getattr(settings, setting, None) if setting else None
    label = f"{model.app_label}.{model.name}"
    return swapped_in is not None and swapped_in.lower() != label.lower()


# What parts are computed from beside the files, as the deploy record keeps it.
Basis = Mapping[str, Any]

# The types of its values.
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
# What Django's auto_now takes the time from.
CLOCKS: dict[str, Callable[[], object]] = {
    "DateTimeField": timezone.now,
    "DateField": datetime.date.today,
    "TimeField": Clock(
        lambda: datetime.datetime.now().time(),
        "datetime.datetime.now().time",
        frozenset({"import datetime"}),
    ),
}
# What Python takes dates and times of day from, by the internal type of the field.
LOCAL: dict[str, tuple[Callable[..., object], ...]] = {
    "DateTimeField": (datetime.datetime.now,),
    "DateField": (
        datetime.date.today,
        datetime.datetime.now,
        timezone.localdate,
        timezone.now,
    ),
    "TimeField": (CLOCKS["TimeField"], datetime.datetime.now),
}


def current_basis() -> Basis:
    """Return what the parts of a migration are computed from in this process."""
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
    """Tell whether a basis has everything that parts are computed from."""
    try:
        has_all = all(isinstance(basis[each], kind) for each, kind in KINDS.items())
        texts = [*basis["vendors"], *basis["stored_zones"]]
        are_texts = all(isinstance(each, str) for each in texts)
        return has_all and are_texts and bool(_series(basis))
    except (KeyError, TypeError, ValueError):
        return False


def is_computable(basis: Basis) -> bool:
    """Tell whether this Django can do what the Django of a basis could."""
    return _series(basis) <= django.VERSION[:2]


def defaults_of(basis: Basis) -> DatabaseDefaults:
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
    servers = [connections[alias] for alias in connections]
    return any(
        not each.features.supports_expression_defaults
        for each in servers
        if each.vendor == "mysql" and each.connection is not None
    )


def _functions(basis: Basis) -> dict[tuple[Callable[..., object], str], Func]:
    """
    Return the functions that give on every database exactly what Python's would.

    A UUID is made by the server on PostgreSQL only: SQLite has only what the old
    version's Django brings along, and MySQL's is of another kind.
    """
    clocks, known = _clocks(basis), _python_clocks(basis)
    found = {(python, kind): clocks[kind] for python, kind in known if kind in clocks}
    if set(basis["vendors"]) == {"postgresql"}:
        found[uuid.uuid4, "UUIDField"] = _random_uuid(_series(basis))
    return found


def _python_clocks(basis: Basis) -> Iterator[tuple[Callable[..., object], str]]:
    """Yield Python's functions that tell the time of the settings, and the fields."""
    # Where Django cannot set it, Python's local time is that of the machine.
    is_local = bool(basis["time_zone"]) and basis["sets_local_time"]
    if basis["use_tz"] or is_local:
        yield timezone.now, "DateTimeField"
    for kind, callables in LOCAL.items() if is_local else ():
        for python in callables:
            yield python, kind


def _clocks(basis: Basis) -> dict[str, Func]:
    """
    Return functions for the present time, by the internal type of the field.

    PostgreSQL knows time zones. SQLite's clock shows UTC, and MySQL's does if asked:
    otherwise it shows the session's zone, which Django leaves as the server has it. So
    those two are right where Django stores UTC, and their dates are right where UTC is
    the local time as well.
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


def _by_kind(now: Func, date: Func, time_of_day: Func) -> dict[str, Func]:
    return {"DateTimeField": now, "DateField": date, "TimeField": time_of_day}


def _mysql_clocks() -> Iterator[Func]:
    for template, kind in (
        ("UTC_TIMESTAMP(6)", models.DateTimeField()),
        ("UTC_DATE()", models.DateField()),
        ("UTC_TIME(6)", models.TimeField()),
    ):
        yield Func(template=template, output_field=kind)


def _stored_zones() -> set[str]:
    """Return the time zones in which databases keep a time that has none."""
    servers = [connections[alias] for alias in connections]
    return {str(each.timezone_name) for each in servers if each.vendor != "unknown"}


def _random_uuid(series: tuple[int, ...]) -> Func:
    if series >= (6, 1):
        return functions.UUID4()
    from django.contrib.postgres.functions import RandomUUID

    return RandomUUID()
