"""Migrations that wait for some time after their parents: ``stage_delay``."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping

from django.conf import settings
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

Key = tuple[str, str]


@dataclasses.dataclass(eq=False)
class InvalidDelayError(Exception):
    """A ``stage_delay`` is no timedelta."""

    migration: Migration
    value: object


def parse_datetime(text: str) -> datetime.datetime:
    """Return a time in ISO 8601, with a time zone or without, as USE_TZ says."""
    found = datetime.datetime.fromisoformat(text)
    if timezone.is_aware(found) == settings.USE_TZ:
        return found
    make = timezone.make_aware if settings.USE_TZ else timezone.make_naive
    return make(found)


def stage_delay(migration: Migration) -> datetime.timedelta | None:
    """
    Return how long a migration waits after its parents, None if not at all.

    Raises InvalidDelayError if its ``stage_delay`` is no timedelta.
    """
    delay = getattr(migration, "stage_delay", None)
    if delay is not None and not isinstance(delay, datetime.timedelta):
        raise InvalidDelayError(migration, delay)
    return delay


def waits_since(
    loader: MigrationLoader, key: Key, times: Mapping[Key, datetime.datetime] = {}
) -> datetime.datetime | None:
    """
    Return when the last parent of a migration was applied, None if one is not.

    ``times`` has when parents were applied that Django has not recorded.
    """
    found = []
    for parent in loader.graph.node_map[key].parents:
        applied = times.get(parent.key) or _applied(loader, parent.key)
        if applied is None:
            return None
        found.append(applied)
    return max(found, default=None)


def _applied(loader: MigrationLoader, key: Key) -> datetime.datetime | None:
    """Return when a migration was applied, or the last of those that it replaces."""
    record = loader.applied_migrations.get(key)
    if not isinstance(record, Migration):
        return getattr(record, "applied", None)
    # Django's loader puts a squashed migration there that is not recorded yet.
    times = [_applied(loader, replaced) for replaced in record.replaces]
    return max((each for each in times if each is not None), default=None)


def held_migrations(
    loader: MigrationLoader,
    migrations: Collection[Migration],
    times: Mapping[Key, datetime.datetime] = {},
) -> dict[Key, datetime.datetime]:
    """
    Return until when migrations with a delay still have to wait.

    ``times`` has when parents were applied that Django has not recorded.
    """
    now = timezone.now()
    held = {}
    for migration in migrations:
        delay = stage_delay(migration)
        key = (migration.app_label, migration.name)
        if delay is None or not loader.graph.node_map[key].parents:
            continue
        try:
            until = (waits_since(loader, key, times) or now) + delay
        except OverflowError:  # "never"
            until = now.replace(year=datetime.MAXYEAR)
        if until > now:
            held[key] = until
    return held
