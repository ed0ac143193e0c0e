"""What can run before a deploy: which migrations are ready, deferred or blocked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.simulation import CannotSplitError, DeployState, Part
from syzygy_like.planning.plan import (
    Key,
    Outcome,
    Parents,
    PlannedMigration,
    StagedPlan,
)
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.requirements import Requirements
from syzygy_like.planning.resolver import (
    Resolution,
    advance,
    declared_by_operations,
    explicit,
    is_independent,
    resolve,
)
from syzygy_like.schema import Schema
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import Stage, StageSource


def plan_pre_deploy(
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
    new_state: Callable[[], DeployState] | None = None,
    kept: Collection[Key] | None = None,
) -> StagedPlan:
    """
    Return what can be applied while the old version is serving.

    ``tracked_migrations`` are in an order in which they can be applied to ``start``,
    whose code is the old version's; ``parents`` are what each must come after. What
    the new version needs and cannot have yet is blocked. ``new_state`` returns a deploy
    state at the start; without one, nothing is applied in parts, and nothing overtakes
    what it depends on. If a deploy is under way, ``start`` is where everything that has
    begun leads, the deploy state has come as far as the database, and what is ``kept``
    stays deferred.
    """
    in_parts: set[Key] = set()
    while True:
        planner = PreDeployPlanner(start, parents, policy, new_state, kept, in_parts)
        for tracked in tracked_migrations:
            planner.decide(tracked)
        plan = _with_requirements(planner, Requirements(start, tracked_migrations))
        more = _needed_in_parts(planner, plan) - in_parts
        if not more:
            return plan
        in_parts = in_parts | more


def _with_requirements(
    planner: PreDeployPlanner, requirements: Requirements
) -> StagedPlan:
    """Return the plan with what the new version needs of each migration."""
    left = [each.tracked for each in planner.planned if not each.is_whole]
    whole = [each.tracked for each in planner.planned if each.is_whole]
    lacking = requirements.lacking(planner.database, left)
    needed = requirements.lacking(planner.database_at_start, whole)
    temporary_breaks = requirements.temporary_breaks(planner.database, left)
    return StagedPlan(
        tuple(
            dataclasses.replace(
                _with_needs(each, lacking, needed),
                temporary_breaks=temporary_breaks.get(each.key, ()),
            )
            for each in planner.planned
        )
    )


def _needed_in_parts(planner: PreDeployPlanner, plan: StagedPlan) -> set[Key]:
    """Return the deferred migrations whose expand part would unblock others."""
    wanted = [planner.ancestors[each.key] | {each.key} for each in plan.blocked]
    return {
        key
        for key in set[Key]().union(*wanted)
        if key in planner.deferred and planner.may_split(planner.deferred[key])
    }


def _with_needs(
    planned: PlannedMigration,
    lacking: Mapping[Key, tuple[Problem, ...]],
    needed: Mapping[Key, tuple[Problem, ...]],
) -> PlannedMigration:
    """
    Return a planned migration with what the new version needs of it.

    ``lacking`` is what the new version lacks until a migration is applied, ``needed``
    what it would lack without one that is ready.
    """
    if not planned.is_ready or planned.key in lacking:
        return planned.deferred_for(lacking.get(planned.key, ()))
    problems = needed.get(planned.key, ())
    is_opaque = planned.tracked.opaque and not planned.is_set_to_wait
    cannot_wait = Stage.POST_DEPLOY not in planned.resolution.stage
    required = bool(problems or is_opaque or cannot_wait)
    return dataclasses.replace(planned, needed=problems, required=required)


class PreDeployPlanner:
    """
    Decides, migration by migration, what is applied before the roll-out.

    ``serving`` are the schemas of the versions that may be serving. If a deploy is
    under way already, what ``new_state`` returns has come as far as the database, and
    what is ``kept`` stays deferred; otherwise ``kept`` is None. What is ``in_parts`` is
    not deferred as a whole, as migrations that depend on it cannot wait.
    """

    def __init__(
        self,
        start: SchemaPair,
        parents: Parents,
        policy: Policy,
        new_state: Callable[[], DeployState] | None,
        kept: Collection[Key] | None,
        in_parts: Collection[Key],
    ):
        self.start = start
        self.declared = start  # as it would be if nothing was deferred
        self.parents = parents
        self.policy = policy
        self.new_state = new_state
        self.deploy_state = new_state() if new_state and kept is not None else None
        self.kept = kept or ()
        self.serving = self.deploy_state.serving if self.deploy_state else (start.code,)
        self.in_parts = in_parts
        self.planned: list[PlannedMigration] = []
        self.deferred: dict[Key, TrackedMigration] = {}
        # The deferred migrations that each migration comes after.
        self.ancestors: dict[Key, set[Key]] = {}
        self._database = start.database
        self.database_at_start = self.database

    @property
    def database(self) -> Schema:
        """What the database has."""
        return self.deploy_state.database if self.deploy_state else self._database

    def decide(self, tracked: TrackedMigration) -> None:
        """Decide whether a migration is ready or deferred, and take it into account."""
        resolution = resolve(tracked, self.declared, self.policy)
        self.declared = advance(self.declared, tracked)
        self.ancestors[tracked.key] = self._deferred_ancestors(tracked)
        if tracked.key in self.kept:
            planned = PlannedMigration(tracked, Outcome.DEFERRED, resolution)
        else:
            planned = self._plan(tracked, resolution)
        self.planned.append(planned)
        if not planned.is_ready:
            self.deferred[tracked.key] = tracked
            self._start_deploy_state()
            if self.deploy_state:
                self.deploy_state.defer(tracked.migration)
        elif self.deploy_state is None:
            self._database = tracked.database.apply(self._database)

    def may_split(self, tracked: TrackedMigration) -> bool:
        """Tell whether a migration may be applied in parts."""
        if self.new_state is None or tracked.key in self.kept:
            return False
        is_set = explicit(tracked, self.policy) is not None
        return not is_set and self.policy.bridges(tracked.migration)

    def _deferred_ancestors(self, tracked: TrackedMigration) -> set[Key]:
        parents = self.parents.get(tracked.key, ())
        found = {key for key in parents if key in self.deferred}
        return found.union(*(self.ancestors.get(key, ()) for key in parents))

    def _start_deploy_state(self) -> None:
        """Keep what is declared and what is applied apart, as they differ from now."""
        if self.deploy_state or not self.new_state:
            return
        self.deploy_state = self.new_state()
        for planned in self.planned:
            if planned.is_ready:
                self.deploy_state.apply_whole(planned.tracked.migration)

    def _plan(
        self, tracked: TrackedMigration, resolution: Resolution
    ) -> PlannedMigration:
        waits_for = self._not_to_overtake(tracked, resolution) or (
            self._changed_by_overtaking(tracked)
        )
        deferred = PlannedMigration(
            tracked, Outcome.DEFERRED, resolution, waits_for=tuple(sorted(waits_for))
        )
        if waits_for:
            return deferred
        if explicit(tracked, self.policy) is not None:
            return self._by_stage(tracked, resolution)
        stage, effects = declared_by_operations(tracked)
        if Stage.PRE_DEPLOY not in stage:
            return deferred
        start = tracked.only(effects).database.apply(self.database)
        try:
            found = self._problems(start, tracked)
        except CannotSplitError as error:
            return dataclasses.replace(deferred, obstacle=error)
        breaks = tuple(each for each in found if not each.hazard)
        if found and not effects and self._is_to_split(tracked, resolution, breaks):
            in_parts = self._expand(tracked, resolution, breaks)
            if not breaks and not in_parts.is_ready:
                return self._whole(tracked, resolution)
            if in_parts.is_ready or resolution.source is not StageSource.FALLBACK:
                return in_parts
        return self._by_problems(tracked, resolution, breaks)

    def _by_stage(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...] = (),
    ) -> PlannedMigration:
        """Plan a migration by its stage, whatever it breaks."""
        if Stage.PRE_DEPLOY not in resolution.stage:
            return PlannedMigration(tracked, Outcome.DEFERRED, resolution, breaks)
        return self._whole(tracked, resolution, breaks)

    def _by_problems(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...],
    ) -> PlannedMigration:
        """Plan a migration by what it breaks, as a whole."""
        if breaks and resolution.source is StageSource.FALLBACK:
            return self._by_stage(tracked, resolution, breaks)
        if breaks:
            return PlannedMigration(tracked, Outcome.DEFERRED, resolution, breaks)
        if resolution.before:
            # By itself it would break something, but here it does not: the old version
            # does not know the tables, or the plan undoes it again.
            resolution = dataclasses.replace(
                resolution,
                stage=resolution.stage | Stage.PRE_DEPLOY,
                source=StageSource.INFERRED,
                before=(),
                hazards_before=(),
            )
        return self._whole(tracked, resolution)

    def _whole(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...] = (),
    ) -> PlannedMigration:
        """Plan to apply a migration as it is written."""
        if self.deploy_state:
            try:
                self.deploy_state.apply_whole(tracked.migration)
            except CannotSplitError as error:
                return PlannedMigration(
                    tracked, Outcome.DEFERRED, resolution, obstacle=error
                )
        overtakes = tuple(sorted(self.ancestors[tracked.key]))
        return PlannedMigration(
            tracked, Outcome.READY, resolution, breaks, overtakes=overtakes
        )

    def _is_to_split(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...],
    ) -> bool:
        can_wait = (
            resolution.source is not StageSource.FALLBACK
            and Stage.POST_DEPLOY in resolution.stage
            and bool(breaks)
        )
        wanted = not can_wait or tracked.key in self.in_parts
        return wanted and self.may_split(tracked)

    def _expand(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...],
    ) -> PlannedMigration:
        """Plan to apply the expand part of a migration."""
        self._start_deploy_state()
        assert self.deploy_state is not None
        try:
            self.deploy_state.expand(tracked.migration)
        except CannotSplitError as error:
            return PlannedMigration(
                tracked, Outcome.DEFERRED, resolution, breaks, obstacle=error
            )
        overtakes = tuple(sorted(self.ancestors[tracked.key]))
        return PlannedMigration(
            tracked, Outcome.READY, resolution, part=Part.EXPAND, overtakes=overtakes
        )

    def _not_to_overtake(
        self, tracked: TrackedMigration, resolution: Resolution
    ) -> set[Key]:
        """Return the deferred ancestors of a migration if it may not overtake them."""
        ancestors = self.ancestors[tracked.key]
        can_wait = Stage.POST_DEPLOY in resolution.stage
        if not ancestors or not self.deploy_state or can_wait:
            return ancestors
        if any(
            each.writes and not is_independent(each.migration)
            for each in (tracked, *(self.deferred[key] for key in ancestors))
        ):
            return ancestors
        if not self.deploy_state.may_overtake(tracked.migration, ancestors):
            return ancestors
        return set()

    def _changed_by_overtaking(self, tracked: TrackedMigration) -> set[Key]:
        """Return the deferred migrations that would end otherwise after this one."""
        start = SchemaPair(self.start.code, self.database)
        return {
            key
            for key, each in self.deferred.items()
            if key not in self.ancestors[tracked.key]
            and each.tables & tracked.tables
            and advance(advance(start, each), tracked)
            != advance(advance(start, tracked), each)
        }

    def _problems(
        self, start: Schema, tracked: TrackedMigration
    ) -> tuple[Problem, ...]:
        """
        Return what a migration breaks of versions that may be serving.

        What they cannot do on ``start`` either does not count. Hazards are returned
        only if parts avoid them. Raises CannotSplitError if the migration cannot be
        applied at all.
        """
        before, tables = self.database, tracked.database.tables
        after = tracked.database.apply(before)
        if self.deploy_state:
            after = self.deploy_state.outcome(tracked.migration)
            tables = tables | before.differing(after)

        def lost(code: Schema) -> list[Problem]:
            known, found = (
                incompatibilities(code, database, before=before, only=tables)
                for database in (start, after)
            )
            return [each for each in found if each not in known]

        found = dict.fromkeys(each for code in self.serving for each in lost(code))
        return tuple(avoidable(found))
