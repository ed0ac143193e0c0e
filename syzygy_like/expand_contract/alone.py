"""One migration as a release by itself."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract import renames
from syzygy_like.expand_contract.bridge import NoBridgeError, bridge
from syzygy_like.expand_contract.change import ModelChange, release_of
from syzygy_like.expand_contract.halves import halves
from syzygy_like.schema import Presence
from syzygy_like.schema.database_defaults import DatabaseDefaults


def in_halves(
    migration: Migration,
    state: ProjectState,
    database_defaults: DatabaseDefaults,
    presence: Presence,
) -> list[list[Operation]]:
    """
    Return the operations before a roll-out and after it that do what a migration does.

    ``state`` is the one before it. What it renames keeps its name in the database.
    An empty list is returned where there are no such operations.
    """
    app_label = migration.app_label
    operations = renames.kept(migration.operations, app_label, state)
    made = type("Migration", (Migration,), {"operations": operations})("", app_label)
    model_change = release_of({app_label: [made]}, state, database_defaults)
    try:
        return _halves(model_change, app_label, presence)
    except NoBridgeError:
        return []


def _halves(
    model_change: ModelChange, app_label: str, presence: Presence
) -> list[list[Operation]]:
    found = bridge(
        model_change.old,
        model_change.new,
        model_change.database_defaults,
        model_change.one_offs,
        presence,
    )
    first, last = halves(model_change, found.state)
    if {*first, *last} - {app_label}:
        return []  # which one file cannot do
    groups = [list(model_change.renamed.get(app_label, ()))]
    groups[0] += _operations(first.get(app_label, ()))
    return [*groups, _operations(last.get(app_label, ()))]


def _operations(migrations: Sequence[Migration]) -> list[Operation]:
    return [operation for each in migrations for operation in each.operations]
