"""What runs once only the new code does."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence

from syzygy_like.compatibility import Problem
from syzygy_like.planning.placing import Parents
from syzygy_like.planning.plan import Key, Outcome, Placement, StagedPlan
from syzygy_like.planning.requirements import Needs
from syzygy_like.planning.resolver import Policy, advance, resolve
from syzygy_like.schema.effects import Step
from syzygy_like.schema.tracking import World


def plan_post_deploy(
    steps: Sequence[Step],
    start: World,
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
    needs = Needs(start, steps)
    lacking = needs.of(start.database, steps)
    while True:
        placements = _placed(steps, start, parents, policy, held, waits, lacking)
        ready = [each.step for each in placements if each.is_ready]
        breaking = needs.breaking(start.database, ready) if held else None
        if breaking is None:
            break
        waits.add(breaking)
    passing = needs.passing(start.database, steps)
    return StagedPlan(
        tuple(
            dataclasses.replace(each, passing=passing.get(each.key, ()))
            for each in placements
        )
    )


def _placed(
    steps: Sequence[Step],
    start: World,
    parents: Parents,
    policy: Policy,
    held: Mapping[Key, datetime.datetime],
    waits: Collection[Key],
    lacking: Mapping[Key, tuple[Problem, ...]],
) -> list[Placement]:
    """Return the places of migrations; what depends on one that waits does so, too."""
    placements: list[Placement] = []
    waiting: set[Key] = set()
    world = start
    for step in steps:
        resolution = resolve(step, world, policy)
        world = advance(world, step)
        waits_for = tuple(sorted(waiting.intersection(parents.get(step.key, ()))))
        is_ready = not (waits_for or step.key in held or step.key in waits)
        outcome = Outcome.READY if is_ready else Outcome.DEFERRED
        until = held.get(step.key)
        placed = Placement(step, outcome, resolution, waits_for=waits_for, until=until)
        placements.append(placed.deferred_for(lacking.get(step.key, ())))
        if not placements[-1].is_ready:
            waiting.add(step.key)
    return placements
