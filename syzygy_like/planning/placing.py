"""What becomes of one migration after the other while old code is served."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.simulation import Crossing, Extent, NoHalvesError
from syzygy_like.planning.plan import Key, Outcome, Placement
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
from syzygy_like.schema.effects import Step
from syzygy_like.schema.tracking import World
from syzygy_like.stages import Stage, StageSource

Parents = Mapping[Key, Collection[Key]]


class Placer:
    """
    Goes through a plan with the codes that may be serving in mind.

    If a deploy is under way already, what ``embark`` returns has come as far as the
    database has, and what is ``kept`` stays deferred; else that is None. ``halved`` are
    migrations that are not to be deferred as a whole, for what comes after them cannot
    wait.
    """

    def __init__(
        self,
        start: World,
        parents: Parents,
        policy: Policy,
        embark: Callable[[], Crossing] | None,
        kept: Collection[Key] | None,
        halved: Collection[Key],
    ):
        self.start = start
        self.straight = start  # as it would be without deferring anything
        self.parents = parents
        self.policy = policy
        self.embark = embark
        self.crossing = embark() if embark and kept is not None else None
        self.kept = kept or ()
        self.codes = self.crossing.codes if self.crossing else (start.code,)
        self.halved = halved
        self.placements: list[Placement] = []
        self.waiting: dict[Key, Step] = {}
        self.behind: dict[Key, set[Key]] = {}
        self._database = start.database
        self.before = self.database

    @property
    def database(self) -> Schema:
        """What the database has."""
        return self.crossing.database if self.crossing else self._database

    def place(self, step: Step) -> None:
        """Decide on a migration."""
        resolution = resolve(step, self.straight, self.policy)
        self.straight = advance(self.straight, step)
        self.behind[step.key] = self._ancestors(step)
        if step.key in self.kept:
            placement = Placement(step, Outcome.DEFERRED, resolution)
        else:
            placement = self._placement(step, resolution)
        self.placements.append(placement)
        if not placement.is_ready:
            self.waiting[step.key] = step
            self._cross()
            if self.crossing:
                self.crossing.defer(step.migration)
        elif self.crossing is None:
            self._database = step.database.apply(self._database)

    def _ancestors(self, step: Step) -> set[Key]:
        """Return the deferred migrations that a migration comes after."""
        parents = self.parents.get(step.key, ())
        found = {key for key in parents if key in self.waiting}
        return found.union(*(self.behind.get(key, ()) for key in parents))

    def _cross(self) -> None:
        """From here on not all that is written is also built."""
        if self.crossing or not self.embark:
            return
        self.crossing = self.embark()
        for placement in self.placements:
            if placement.is_ready:
                self.crossing.whole(placement.step.migration)

    def _placement(self, step: Step, resolution: Resolution) -> Placement:
        waits_for = self._cannot_pass(step, resolution) or self._not_overtaken_by(step)
        if waits_for:
            ordered = tuple(sorted(waits_for))
            return Placement(step, Outcome.DEFERRED, resolution, waits_for=ordered)
        if explicit(step, self.policy) is not None:
            allowed = Stage.PRE_DEPLOY in resolution.stage
            return self._allowed(allowed, step, resolution)
        stage, effects = vouched(step)
        if Stage.PRE_DEPLOY not in stage:
            return Placement(step, Outcome.DEFERRED, resolution)
        start = step.only(effects).database.apply(self.database)
        try:
            found = self._problems(start, step)
        except NoHalvesError as error:
            return Placement(step, Outcome.DEFERRED, resolution, obstacle=error)
        breaks = tuple(each for each in found if not each.hazard)
        if found and not effects and self._is_to_be_halved(step, resolution, breaks):
            halves = self._in_halves(step, resolution, breaks)
            if not breaks and not halves.is_ready:
                return self._as_whole(step, resolution)
            if halves.is_ready or resolution.source is not StageSource.FALLBACK:
                return halves
        if breaks and resolution.source is StageSource.FALLBACK:
            allowed = Stage.PRE_DEPLOY in resolution.stage
            return self._allowed(allowed, step, resolution, breaks)
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
        return self._allowed(not breaks, step, resolution, breaks)

    def _cannot_pass(self, step: Step, resolution: Resolution) -> set[Key]:
        """Return the deferred migrations that a migration cannot run before."""
        behind = self.behind[step.key]
        if not behind or not self.crossing or Stage.POST_DEPLOY in resolution.stage:
            return behind  # what can wait does
        steps = [step, *(self.waiting[key] for key in behind)]
        if any(each.writes and not is_independent(each.migration) for each in steps):
            return behind
        if not self.crossing.lets_pass(step.migration, behind):
            return behind
        return set()

    def _allowed(
        self,
        allowed: bool,
        step: Step,
        resolution: Resolution,
        breaks: tuple[Problem, ...] = (),
    ) -> Placement:
        if not allowed:
            return Placement(step, Outcome.DEFERRED, resolution, breaks)
        return self._as_whole(step, resolution, breaks)

    def _as_whole(
        self, step: Step, resolution: Resolution, breaks: tuple[Problem, ...] = ()
    ) -> Placement:
        if self.crossing:
            try:
                self.crossing.whole(step.migration)
            except NoHalvesError as error:
                return Placement(step, Outcome.DEFERRED, resolution, obstacle=error)
        passes = tuple(sorted(self.behind[step.key]))
        return Placement(step, Outcome.READY, resolution, breaks, passes=passes)

    def _is_to_be_halved(
        self, step: Step, resolution: Resolution, breaks: tuple[Problem, ...]
    ) -> bool:
        can_wait = Stage.POST_DEPLOY in resolution.stage and bool(breaks)
        if resolution.source is StageSource.FALLBACK:
            can_wait = False
        wanted = not can_wait or step.key in self.halved
        return wanted and self.may_be_halved(step)

    def may_be_halved(self, step: Step) -> bool:
        is_set = explicit(step, self.policy) is not None or step.key in self.kept
        return bool(self.embark) and not is_set and self.policy.bridges(step.migration)

    def _in_halves(
        self, step: Step, resolution: Resolution, breaks: tuple[Problem, ...]
    ) -> Placement:
        self._cross()
        assert self.crossing is not None
        try:
            self.crossing.first_half(step.migration)
        except NoHalvesError as error:
            return Placement(step, Outcome.DEFERRED, resolution, breaks, obstacle=error)
        passes = tuple(sorted(self.behind[step.key]))
        return Placement(
            step, Outcome.READY, resolution, extent=Extent.FIRST, passes=passes
        )

    def _not_overtaken_by(self, step: Step) -> set[Key]:
        """Return what is deferred and would have another outcome after this step."""
        start = World(self.start.code, self.database)
        return {
            each.key
            for each in self.placements
            if each.key in self.waiting
            and each.key not in self.behind[step.key]
            and each.step.tables & step.tables
            and advance(advance(start, each.step), step)
            != advance(advance(start, step), each.step)
        }

    def _problems(self, start: Schema, step: Step) -> tuple[Problem, ...]:
        """
        Return what a code that may be serving loses, beyond what it does at a start.

        Of the hazards only what halves avoid is returned. Raises NoHalvesError where
        the migration cannot be carried out at all.
        """
        before, tables = self.database, step.database.tables
        after = step.database.apply(before)
        if self.crossing:
            after = self.crossing.outcome(step.migration)
            tables = tables | before.differing(after)

        def lost(code: Schema) -> list[Problem]:
            known, found = (
                incompatibilities(code, database, before=before, only=tables)
                for database in (start, after)
            )
            return [each for each in found if each not in known]

        found = dict.fromkeys(each for code in self.codes for each in lost(code))
        return tuple(avoidable(found))
