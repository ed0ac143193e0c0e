"""Which migrations of a plan run on which side of a deploy."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence

from syzygy_like.compat import Problem, errors, incompatibilities
from syzygy_like.effects import Step
from syzygy_like.needs import Needs
from syzygy_like.placements import Key, Outcome, Placement, StagedPlan
from syzygy_like.resolver import (
    Policy,
    Resolution,
    advance,
    explicit,
    resolve,
    vouched,
)
from syzygy_like.schema import Schema
from syzygy_like.stages import Stage, StageSource
from syzygy_like.tracking import World

Parents = Mapping[Key, Collection[Key]]


def plan_pre_deploy(
    steps: Sequence[Step], start: World, parents: Parents, policy: Policy
) -> StagedPlan:
    """
    Return what can run while the code now serving does.

    ``steps`` are in an order in which they can be applied to ``start``, whose code
    is the code now serving; ``parents`` are what each must come after. What the
    code being rolled out needs, and cannot have yet, is blocked.
    """
    planner = _PreDeploy(start, parents, policy)
    for step in steps:
        planner.place(step)
    needs = Needs(start, steps)
    deferred = [each.step for each in planner.placements if not _is_ready(each)]
    lacking = needs.of(planner.database, deferred)
    wanted = needs.of(
        start.database, [each.step for each in planner.placements if _is_ready(each)]
    )
    passing = needs.passing(planner.database, deferred)
    settled = (_settled(each, lacking, wanted) for each in planner.placements)
    return StagedPlan(tuple(_with_passing(each, passing) for each in settled))


def _is_ready(placement: Placement) -> bool:
    return placement.outcome is Outcome.READY


def _settled(
    placement: Placement,
    lacking: Mapping[Key, tuple[Problem, ...]],
    wanted: Mapping[Key, tuple[Problem, ...]],
) -> Placement:
    """Return a placement with what the new code needs of it."""
    if _is_ready(placement):
        asked = Stage.POST_DEPLOY not in placement.resolution.stage
        opaque = placement.step.opaque and not placement.is_vouched_for
        needed = wanted.get(placement.key, ())
        required = bool(needed or opaque or asked)
        return dataclasses.replace(placement, needed=needed, required=required)
    needed = lacking.get(placement.key, ())
    if _is_too_late(placement) or (needed and not placement.is_vouched_for):
        return dataclasses.replace(placement, outcome=Outcome.BLOCKED, needed=needed)
    return placement


def _is_too_late(placement: Placement) -> bool:
    """Tell whether somebody has said that it cannot run after the deploy."""
    resolution = placement.resolution
    set_by_hand = resolution.source is not StageSource.INFERRED
    return set_by_hand and Stage.POST_DEPLOY not in resolution.stage


def _with_passing(
    placement: Placement, passing: Mapping[Key, tuple[Problem, ...]]
) -> Placement:
    return dataclasses.replace(placement, passing=passing.get(placement.key, ()))


class _PreDeploy:
    """Goes through a plan with the code now serving in mind."""

    def __init__(self, start: World, parents: Parents, policy: Policy):
        self.code = start.code
        self.database = start.database
        self.straight = start  # as it would be without deferring anything
        self.parents = parents
        self.policy = policy
        self.placements: list[Placement] = []
        self.waiting: set[Key] = set()

    def place(self, step: Step) -> None:
        """Decide on a migration."""
        resolution = resolve(step, self.straight, self.policy)
        self.straight = advance(self.straight, step)
        placement = self._placement(step, resolution)
        self.placements.append(placement)
        if _is_ready(placement):
            self.database = step.database.apply(self.database)
        else:
            self.waiting.add(step.key)

    def _placement(self, step: Step, resolution: Resolution) -> Placement:
        waits_for = self.waiting.intersection(self.parents.get(step.key, ()))
        waits_for = waits_for or self._not_overtaken_by(step)
        if waits_for:
            ordered = tuple(sorted(waits_for))
            return Placement(step, Outcome.DEFERRED, resolution, waits_for=ordered)
        if explicit(step, self.policy) is not None:
            allowed = Stage.PRE_DEPLOY in resolution.stage
            return Placement(step, _outcome(allowed), resolution)
        stage, effects = vouched(step)
        if Stage.PRE_DEPLOY not in stage:
            return Placement(step, Outcome.DEFERRED, resolution)
        start = step.only(effects).database.apply(self.database)
        breaks = self._breaks(start, step.database.apply(self.database), step)
        if breaks and resolution.source is StageSource.FALLBACK:
            allowed = Stage.PRE_DEPLOY in resolution.stage
            return Placement(step, _outcome(allowed), resolution, breaks)
        if not breaks and resolution.before:
            # By itself it would do harm, but here it hurts nobody: the code now
            # serving does not know the tables, or the plan undoes it again.
            resolution = dataclasses.replace(
                resolution,
                stage=resolution.stage | Stage.PRE_DEPLOY,
                source=StageSource.INFERRED,
                before=(),
                hazards_before=(),
            )
        return Placement(step, _outcome(not breaks), resolution, breaks)

    def _not_overtaken_by(self, step: Step) -> set[Key]:
        """Return what is deferred and would have another outcome after this step."""
        start = World(self.code, self.database)
        return {
            each.key
            for each in self.placements
            if each.key in self.waiting
            and each.step.tables & step.tables
            and advance(advance(start, each.step), step)
            != advance(advance(start, step), each.step)
        }

    def _breaks(self, before: Schema, after: Schema, step: Step) -> tuple[Problem, ...]:
        """Return what the code now serving loses."""
        tables = step.database.tables

        def problems(database: Schema) -> list[Problem]:
            return errors(
                incompatibilities(
                    self.code, database, before=self.database, only=tables
                )
            )

        known = set(problems(before))
        return tuple(each for each in problems(after) if each not in known)


def _outcome(ready: bool) -> Outcome:
    return Outcome.READY if ready else Outcome.DEFERRED


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
            _outcome(not waits_for and step.key not in held),
            resolution,
            waits_for=waits_for,
            until=held.get(step.key),
        )
        placement = _refused(placement, lacking.get(step.key, ()))
        placement = _with_passing(placement, passing)
        placements.append(placement)
        if not _is_ready(placement):
            waiting.add(step.key)
    return StagedPlan(tuple(placements))


def _refused(placement: Placement, needed: tuple[Problem, ...]) -> Placement:
    """Return the placement of a migration, blocked if it comes too late."""
    if _is_too_late(placement) or (needed and not placement.is_vouched_for):
        return dataclasses.replace(placement, outcome=Outcome.BLOCKED, needed=needed)
    return placement
