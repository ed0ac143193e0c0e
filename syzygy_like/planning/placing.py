"""What becomes of one migration after the other while old code is served."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.simulation import DeployState, NoHalvesError, Part
from syzygy_like.planning.plan import Key, Outcome, PlannedMigration
from syzygy_like.planning.resolver import (
    Policy,
    Resolution,
    advance,
    explicit,
    is_independent,
    resolve,
    vouched,
)
from syzygy_like.schema import Schema
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import Stage, StageSource

Parents = Mapping[Key, Collection[Key]]


class PreDeployPlanner:
    """
    Goes through a plan with the codes that may be serving in mind.

    If a deploy is under way already, what ``new_state`` returns has come as far as the
    database has, and what is ``kept`` stays deferred; else that is None. ``halved`` are
    migrations that are not to be deferred as a whole, for what comes after them cannot
    wait.
    """

    def __init__(
        self,
        start: SchemaPair,
        parents: Parents,
        policy: Policy,
        new_state: Callable[[], DeployState] | None,
        kept: Collection[Key] | None,
        halved: Collection[Key],
    ):
        self.start = start
        self.straight = start  # as it would be without deferring anything
        self.parents = parents
        self.policy = policy
        self.new_state = new_state
        self.deploy_state = new_state() if new_state and kept is not None else None
        self.kept = kept or ()
        self.codes = self.deploy_state.codes if self.deploy_state else (start.code,)
        self.halved = halved
        self.planned_migrations: list[PlannedMigration] = []
        self.waiting: dict[Key, TrackedMigration] = {}
        self.behind: dict[Key, set[Key]] = {}
        self._database = start.database
        self.before = self.database

    @property
    def database(self) -> Schema:
        """What the database has."""
        return self.deploy_state.database if self.deploy_state else self._database

    def place(self, tracked: TrackedMigration) -> None:
        """Decide on a migration."""
        resolution = resolve(tracked, self.straight, self.policy)
        self.straight = advance(self.straight, tracked)
        self.behind[tracked.key] = self._ancestors(tracked)
        if tracked.key in self.kept:
            planned = PlannedMigration(tracked, Outcome.DEFERRED, resolution)
        else:
            planned = self._placement(tracked, resolution)
        self.planned_migrations.append(planned)
        if not planned.is_ready:
            self.waiting[tracked.key] = tracked
            self._cross()
            if self.deploy_state:
                self.deploy_state.defer(tracked.migration)
        elif self.deploy_state is None:
            self._database = tracked.database.apply(self._database)

    def _ancestors(self, tracked: TrackedMigration) -> set[Key]:
        """Return the deferred migrations that a migration comes after."""
        parents = self.parents.get(tracked.key, ())
        found = {key for key in parents if key in self.waiting}
        return found.union(*(self.behind.get(key, ()) for key in parents))

    def _cross(self) -> None:
        """From here on not all that is written is also built."""
        if self.deploy_state or not self.new_state:
            return
        self.deploy_state = self.new_state()
        for planned in self.planned_migrations:
            if planned.is_ready:
                self.deploy_state.whole(planned.tracked.migration)

    def _placement(
        self, tracked: TrackedMigration, resolution: Resolution
    ) -> PlannedMigration:
        waits_for = self._cannot_pass(tracked, resolution) or self._not_overtaken_by(
            tracked
        )
        if waits_for:
            ordered = tuple(sorted(waits_for))
            return PlannedMigration(
                tracked, Outcome.DEFERRED, resolution, waits_for=ordered
            )
        if explicit(tracked, self.policy) is not None:
            allowed = Stage.PRE_DEPLOY in resolution.stage
            return self._allowed(allowed, tracked, resolution)
        stage, effects = vouched(tracked)
        if Stage.PRE_DEPLOY not in stage:
            return PlannedMigration(tracked, Outcome.DEFERRED, resolution)
        start = tracked.only(effects).database.apply(self.database)
        try:
            found = self._problems(start, tracked)
        except NoHalvesError as error:
            return PlannedMigration(
                tracked, Outcome.DEFERRED, resolution, obstacle=error
            )
        breaks = tuple(each for each in found if not each.hazard)
        if found and not effects and self._is_to_be_halved(tracked, resolution, breaks):
            halves = self._in_halves(tracked, resolution, breaks)
            if not breaks and not halves.is_ready:
                return self._as_whole(tracked, resolution)
            if halves.is_ready or resolution.source is not StageSource.FALLBACK:
                return halves
        if breaks and resolution.source is StageSource.FALLBACK:
            allowed = Stage.PRE_DEPLOY in resolution.stage
            return self._allowed(allowed, tracked, resolution, breaks)
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
        return self._allowed(not breaks, tracked, resolution, breaks)

    def _cannot_pass(
        self, tracked: TrackedMigration, resolution: Resolution
    ) -> set[Key]:
        """Return the deferred migrations that a migration cannot run before."""
        behind = self.behind[tracked.key]
        if not behind or not self.deploy_state or Stage.POST_DEPLOY in resolution.stage:
            return behind  # what can wait does
        tracked_migrations = [tracked, *(self.waiting[key] for key in behind)]
        if any(
            each.writes and not is_independent(each.migration)
            for each in tracked_migrations
        ):
            return behind
        if not self.deploy_state.lets_pass(tracked.migration, behind):
            return behind
        return set()

    def _allowed(
        self,
        allowed: bool,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...] = (),
    ) -> PlannedMigration:
        if not allowed:
            return PlannedMigration(tracked, Outcome.DEFERRED, resolution, breaks)
        return self._as_whole(tracked, resolution, breaks)

    def _as_whole(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...] = (),
    ) -> PlannedMigration:
        if self.deploy_state:
            try:
                self.deploy_state.whole(tracked.migration)
            except NoHalvesError as error:
                return PlannedMigration(
                    tracked, Outcome.DEFERRED, resolution, obstacle=error
                )
        overtakes = tuple(sorted(self.behind[tracked.key]))
        return PlannedMigration(
            tracked, Outcome.READY, resolution, breaks, overtakes=overtakes
        )

    def _is_to_be_halved(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...],
    ) -> bool:
        can_wait = Stage.POST_DEPLOY in resolution.stage and bool(breaks)
        if resolution.source is StageSource.FALLBACK:
            can_wait = False
        wanted = not can_wait or tracked.key in self.halved
        return wanted and self.may_be_halved(tracked)

    def may_be_halved(self, tracked: TrackedMigration) -> bool:
        is_set = explicit(tracked, self.policy) is not None or tracked.key in self.kept
        return (
            bool(self.new_state)
            and not is_set
            and self.policy.bridges(tracked.migration)
        )

    def _in_halves(
        self,
        tracked: TrackedMigration,
        resolution: Resolution,
        breaks: tuple[Problem, ...],
    ) -> PlannedMigration:
        self._cross()
        assert self.deploy_state is not None
        try:
            self.deploy_state.expand_part(tracked.migration)
        except NoHalvesError as error:
            return PlannedMigration(
                tracked, Outcome.DEFERRED, resolution, breaks, obstacle=error
            )
        overtakes = tuple(sorted(self.behind[tracked.key]))
        return PlannedMigration(
            tracked, Outcome.READY, resolution, part=Part.EXPAND, overtakes=overtakes
        )

    def _not_overtaken_by(self, tracked: TrackedMigration) -> set[Key]:
        """Return what is deferred and would have another outcome after this step."""
        start = SchemaPair(self.start.code, self.database)
        return {
            each.key
            for each in self.planned_migrations
            if each.key in self.waiting
            and each.key not in self.behind[tracked.key]
            and each.tracked.tables & tracked.tables
            and advance(advance(start, each.tracked), tracked)
            != advance(advance(start, tracked), each.tracked)
        }

    def _problems(
        self, start: Schema, tracked: TrackedMigration
    ) -> tuple[Problem, ...]:
        """
        Return what a code that may be serving loses, beyond what it does at a start.

        Of the hazards only what halves avoid is returned. Raises NoHalvesError where
        the migration cannot be carried out at all.
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

        found = dict.fromkeys(each for code in self.codes for each in lost(code))
        return tuple(avoidable(found))
