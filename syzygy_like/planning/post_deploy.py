"""What runs once only the new code does."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence

from syzygy_like.compatibility import Problem
from syzygy_like.planning.placing import Parents
from syzygy_like.planning.plan import Key, Outcome, PlannedMigration, StagedPlan
from syzygy_like.planning.requirements import Requirements
from syzygy_like.planning.resolver import Policy, advance, resolve
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
    Return what can run once only the new code does.

    A migration that the new code needs is blocked: it should have run before the
    deploy. ``held`` are those that wait for a time, and what depends on them. What
    would break the new code until one of these is applied, waits with it.
    """
    held, waits = held or {}, set[Key]()
    needs = Requirements(start, tracked_migrations)
    lacking = needs.of(start.database, tracked_migrations)
    while True:
        planned_migrations = _placed(
            tracked_migrations, start, parents, policy, held, waits, lacking
        )
        ready = [each.tracked for each in planned_migrations if each.is_ready]
        breaking = needs.breaking(start.database, ready) if held else None
        if breaking is None:
            break
        waits.add(breaking)
    temporary_breaks = needs.temporary_breaks(start.database, tracked_migrations)
    return StagedPlan(
        tuple(
            dataclasses.replace(
                each, temporary_breaks=temporary_breaks.get(each.key, ())
            )
            for each in planned_migrations
        )
    )


def _placed(
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
    held: Mapping[Key, datetime.datetime],
    waits: Collection[Key],
    lacking: Mapping[Key, tuple[Problem, ...]],
) -> list[PlannedMigration]:
    """Return the places of migrations; what depends on one that waits does so, too."""
    planned_migrations: list[PlannedMigration] = []
    waiting: set[Key] = set()
    schemas = start
    for tracked in tracked_migrations:
        resolution = resolve(tracked, schemas, policy)
        schemas = advance(schemas, tracked)
        waits_for = tuple(sorted(waiting.intersection(parents.get(tracked.key, ()))))
        is_ready = not (waits_for or tracked.key in held or tracked.key in waits)
        outcome = Outcome.READY if is_ready else Outcome.DEFERRED
        until = held.get(tracked.key)
        placed = PlannedMigration(
            tracked, outcome, resolution, waits_for=waits_for, until=until
        )
        planned_migrations.append(placed.deferred_for(lacking.get(tracked.key, ())))
        if not planned_migrations[-1].is_ready:
            waiting.add(tracked.key)
    return planned_migrations
