"""What can run while the code now serving does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

from syzygy_like.compatibility import Problem
from syzygy_like.expand_contract.simulation import DeployState
from syzygy_like.planning.placing import Parents, PreDeployPlanner
from syzygy_like.planning.plan import Key, PlannedMigration, StagedPlan
from syzygy_like.planning.requirements import Requirements
from syzygy_like.planning.resolver import Policy
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import Stage


def plan_pre_deploy(
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
    new_state: Callable[[], DeployState] | None = None,
    kept: Collection[Key] | None = None,
) -> StagedPlan:
    """
    Return what can run while the code now serving does.

    ``tracked_migrations`` are in an order in which they can be applied to ``start``,
    whose code is the code now serving; ``parents`` are what each must come after. What
    the code being rolled out needs, and cannot have yet, is blocked. ``new_state``
    returns a deploy state at the start; without one nothing is applied in parts, nor
    before what it comes after. If a deploy is under way, ``start`` is where all that is
    begun leads, the deploy state has come as far as the database, and what is ``kept``
    stays deferred.
    """
    halved: set[Key] = set()
    while True:
        placer = PreDeployPlanner(start, parents, policy, new_state, kept, halved)
        for tracked in tracked_migrations:
            placer.place(tracked)
        plan = _settled(placer, Requirements(start, tracked_migrations))
        more = _in_the_way(placer, plan) - halved
        if not more:
            return plan
        halved = halved | more


def _settled(placer: PreDeployPlanner, needs: Requirements) -> StagedPlan:
    """Return the placements with what the new code needs of each."""
    left = [each.tracked for each in placer.planned_migrations if not each.is_whole]
    whole = [each.tracked for each in placer.planned_migrations if each.is_whole]
    lacking = needs.of(placer.database, left)
    wanted = needs.of(placer.before, whole)
    temporary_breaks = needs.temporary_breaks(placer.database, left)
    return StagedPlan(
        tuple(
            dataclasses.replace(
                _with_needs(each, lacking, wanted),
                temporary_breaks=temporary_breaks.get(each.key, ()),
            )
            for each in placer.planned_migrations
        )
    )


def _in_the_way(placer: PreDeployPlanner, plan: StagedPlan) -> set[Key]:
    """Return deferred migrations that could be taken in halves, and had better."""
    behind = [placer.behind[each.key] | {each.key} for each in plan.blocked]
    return {
        key
        for key in set[Key]().union(*behind)
        if key in placer.waiting and placer.may_be_halved(placer.waiting[key])
    }


def _with_needs(
    planned: PlannedMigration,
    lacking: Mapping[Key, tuple[Problem, ...]],
    wanted: Mapping[Key, tuple[Problem, ...]],
) -> PlannedMigration:
    """Return a placement with what the new code needs of it."""
    if planned.is_ready and planned.key not in lacking:
        asked = Stage.POST_DEPLOY not in planned.resolution.stage
        opaque = planned.tracked.opaque and not planned.is_vouched_for
        needed = wanted.get(planned.key, ())
        required = bool(needed or opaque or asked)
        return dataclasses.replace(planned, needed=needed, required=required)
    return planned.deferred_for(lacking.get(planned.key, ()))
