"""What the databases know of a migration whose file is to be rewritten."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error, connections
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.executor import messages as executor_messages
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import InvalidRecordError
from syzygy_like.makemigrations.split import messages as split_messages
from syzygy_like.planning.history import Key, on_disk


class Found(enum.Enum):
    """How far a migration is on a database: applied, or begun, maybe in part."""

    APPLIED = enum.auto()
    BEGUN = enum.auto()


def look_up(key: Key) -> Iterator[tuple[str, Found | Exception | None]]:
    """
    Yield for each database how far a migration is there, or what keeps it from telling.

    Raises InvalidRecordError.
    """
    for alias in sorted(connections):
        engine = connections.settings[alias].get("ENGINE") or ""
        if engine.endswith(".dummy"):
            continue
        try:
            yield alias, _found(alias, key)
        except (Error, ImproperlyConfigured) as error:
            yield alias, error


def _found(alias: str, key: Key) -> Found | None:
    connection = connections[alias]
    if key in MigrationRecorder(connection).applied_migrations():
        return Found.APPLIED
    record = Ledger(connection).record
    begun = any(each.key == key for each in record.begun)
    return Found.BEGUN if begun or record.entry(key) else None


def refuse_update(app_label: str) -> None:
    """Raise CommandError if anything of the last migration of an app is carried out."""
    for key in on_disk().loader.graph.leaf_nodes(app_label):
        try:
            for alias, found in look_up(key):
                if found is Found.BEGUN:
                    raise CommandError(split_messages.begun(".".join(key), alias))
        except InvalidRecordError as error:
            raise CommandError(executor_messages.invalid_record(error)) from error
