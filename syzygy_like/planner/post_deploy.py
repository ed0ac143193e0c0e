"""What runs once only the new code does."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from syzygy_like.effects import Step
from syzygy_like.needs import Needs
from syzygy_like.placements import Key, Outcome, Placement, StagedPlan
from syzygy_like.planner.placing import Parents
from syzygy_like.resolver import Policy, advance, resolve
from syzygy_like.tracking import World


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
    deploy. ``held`` are those that wait for a time, and what depends on them.
    """
    held = held or {}
    needs = Needs(start, steps)
    lacking = needs.of(start.database, steps)
    passing = needs.passing(start.database, steps)
    placements: list[Placement] = []
    waiting: set[Key] = set()
    world = start
    for step in steps:
        resolution = resolve(step, world, policy)
        world = advance(world, step)
        waits_for = tuple(sorted(waiting.intersection(parents.get(step.key, ()))))
        placement = Placement(
            step,
            Outcome.READY
            if not waits_for and step.key not in held
            else Outcome.DEFERRED,
            resolution,
            waits_for=waits_for,
            until=held.get(step.key),
        )
        placement = placement.deferred_for(lacking.get(step.key, ()))
        passes = passing.get(step.key, ())
        placements.append(dataclasses.replace(placement, passing=passes))
        if not placement.is_ready:
            waiting.add(step.key)
    return StagedPlan(tuple(placements))
