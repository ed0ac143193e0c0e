"""What can run while the code now serving does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

from syzygy_like.compatibility import Problem
from syzygy_like.expand_contract.simulation import Crossing
from syzygy_like.planning.placing import Parents, Placer
from syzygy_like.planning.plan import Key, Placement, StagedPlan
from syzygy_like.planning.requirements import Needs
from syzygy_like.planning.resolver import Policy
from syzygy_like.schema.effects import Step
from syzygy_like.schema.tracking import World
from syzygy_like.stages import Stage


def plan_pre_deploy(
    steps: Sequence[Step],
    start: World,
    parents: Parents,
    policy: Policy,
    embark: Callable[[], Crossing] | None = None,
    kept: Collection[Key] | None = None,
) -> StagedPlan:
    """
    Return what can run while the code now serving does.

    ``steps`` are in an order in which they can be applied to ``start``, whose code
    is the code now serving; ``parents`` are what each must come after. What the
    code being rolled out needs, and cannot have yet, is blocked. ``embark`` returns
    a crossing at the start; without one nothing is taken in halves, nor before what
    it comes after. If a deploy is under way, ``start`` is where all that is begun
    leads, the crossing has come as far as the database, and what is ``kept`` stays
    deferred.
    """
    halved: set[Key] = set()
    while True:
        placer = Placer(start, parents, policy, embark, kept, halved)
        for step in steps:
            placer.place(step)
        plan = _settled(placer, Needs(start, steps))
        more = _in_the_way(placer, plan) - halved
        if not more:
            return plan
        halved = halved | more


def _settled(placer: Placer, needs: Needs) -> StagedPlan:
    """Return the placements with what the new code needs of each."""
    left = [each.step for each in placer.placements if not each.is_whole]
    whole = [each.step for each in placer.placements if each.is_whole]
    lacking = needs.of(placer.database, left)
    wanted = needs.of(placer.before, whole)
    passing = needs.passing(placer.database, left)
    return StagedPlan(
        tuple(
            dataclasses.replace(
                _with_needs(each, lacking, wanted), passing=passing.get(each.key, ())
            )
            for each in placer.placements
        )
    )


def _in_the_way(placer: Placer, plan: StagedPlan) -> set[Key]:
    """Return deferred migrations that could be taken in halves, and had better."""
    behind = [placer.behind[each.key] | {each.key} for each in plan.blocked]
    return {
        key
        for key in set[Key]().union(*behind)
        if key in placer.waiting and placer.may_be_halved(placer.waiting[key])
    }


def _with_needs(
    placement: Placement,
    lacking: Mapping[Key, tuple[Problem, ...]],
    wanted: Mapping[Key, tuple[Problem, ...]],
) -> Placement:
    """Return a placement with what the new code needs of it."""
    if placement.is_ready and placement.key not in lacking:
        asked = Stage.POST_DEPLOY not in placement.resolution.stage
        opaque = placement.step.opaque and not placement.is_vouched_for
        needed = wanted.get(placement.key, ())
        required = bool(needed or opaque or asked)
        return dataclasses.replace(placement, needed=needed, required=required)
    return placement.deferred_for(lacking.get(placement.key, ()))
