"""What runs once only the new version does."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence

from syzygy_like.compatibility import Problem
from syzygy_like.planning.plan import (
    Key,
    Outcome,
    Parents,
    PlannedMigration,
    StagedPlan,
)
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.requirements import Requirements
from syzygy_like.planning.resolver import advance, resolve
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair


def plan_post_deploy(
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
    held: Mapping[Key, datetime.datetime] | None = None,
) -> StagedPlan:
    """
    Return what can run once only the new version does.

    A migration that the new version needs is blocked: it should have run before the
    deploy. ``held`` are those that wait for a time, and what depends on them. What
    would break the new version until one of these is applied, waits with it.
    """
    held, waits = held or {}, set[Key]()
    requirements = Requirements(start, tracked_migrations)
    lacking = requirements.lacking(start.database, tracked_migrations)
    while True:
        planned = _plan(
            tracked_migrations, start, parents, policy, held, waits, lacking
        )
        ready = [each.tracked for each in planned if each.is_ready]
        breaking = requirements.breaking(start.database, ready) if held else None
        if breaking is None:
            break
        waits.add(breaking)
    temporary_breaks = requirements.temporary_breaks(start.database, tracked_migrations)
    return StagedPlan(
        tuple(
            dataclasses.replace(
                each, temporary_breaks=temporary_breaks.get(each.key, ())
            )
            for each in planned
        )
    )


def _plan(
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
    held: Mapping[Key, datetime.datetime],
    waits: Collection[Key],
    lacking: Mapping[Key, tuple[Problem, ...]],
) -> list[PlannedMigration]:
    """Return planned migrations; what depends on one that waits does so, too."""
    found: list[PlannedMigration] = []
    waiting: set[Key] = set()
    schemas = start
    for tracked in tracked_migrations:
        resolution = resolve(tracked, schemas, policy)
        schemas = advance(schemas, tracked)
        waits_for = tuple(sorted(waiting.intersection(parents.get(tracked.key, ()))))
        is_ready = not (waits_for or tracked.key in held or tracked.key in waits)
        outcome = Outcome.READY if is_ready else Outcome.DEFERRED
        until = held.get(tracked.key)
        planned = PlannedMigration(
            tracked, outcome, resolution, waits_for=waits_for, until=until
        ).deferred_for(lacking.get(tracked.key, ()))
        found.append(planned)
        if not planned.is_ready:
            waiting.add(tracked.key)
    return found
