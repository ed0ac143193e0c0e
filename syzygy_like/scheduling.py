"""From what Django would do to what a run of migrate carries out."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from syzygy_like import policies
from syzygy_like.conflicts import Conflict, DeployUnderWayError
from syzygy_like.crossing import Extent
from syzygy_like.delays import held_migrations
from syzygy_like.deploys import BACK_HOME, Deploy, Leg, leg, outward
from syzygy_like.effects import Step
from syzygy_like.history import History, Key
from syzygy_like.itineraries import Itinerary, Plan, Staging, is_backwards
from syzygy_like.placements import Outcome, Placement, StagedPlan
from syzygy_like.planner import plan_post_deploy, plan_pre_deploy
from syzygy_like.resolver import Resolution, explicit
from syzygy_like.rows import refuse_to_lose, with_rows
from syzygy_like.runs import Backwards, Homeward, Outward, Run
from syzygy_like.stages import Stage, StageSource
from syzygy_like.tracking import Tracker


class Scheduler:
    """Makes the itinerary of a run, from what Django would do."""

    def __init__(self, executor: MigrationExecutor, history: History, deploy: Deploy):
        self.executor = executor
        self.history = history
        self.deploy = deploy

    @property
    def _alias(self) -> str:
        return str(self.executor.connection.alias)

    def itinerary(self, plan: Plan, targets: Any, staging: Staging) -> Itinerary:
        """
        Return what is to be carried out. Raises DeployUnderWayError.

        The plan for people is left at the ``staging``.
        """
        leaves = self.executor.loader.graph.leaf_nodes()
        if staging.aborts:
            return self._back(targets == leaves, staging)
        if self.deploy.is_under_way and staging.prunes:
            return Itinerary()
        resumes = staging.stage is Stage.PRE_DEPLOY and not self.deploy.is_complete
        whole = not staging.targeted or (resumes and set(targets) <= set(leaves))
        if self.deploy.is_under_way and not whole:
            raise DeployUnderWayError(Conflict.TARGETS)
        if staging.stage is Stage.PRE_DEPLOY and not is_backwards(plan):
            return self._out(plan, staging)
        if not self.deploy.is_under_way:
            return self._cut(plan, staging)
        return self._home(plan, staging)

    def _out(self, plan: Plan, staging: Staging) -> Itinerary:
        """Return what precedes a roll-out."""
        pending = [migration for migration, _ in plan]
        there = self._already_there(pending, staging)
        policy = policies.current(staging.bridge)
        found = self.deploy.places(pending, policy, there)
        left = [each for each in found.placements if each.key not in self.deploy.built]
        staging.plan = StagedPlan(tuple(left))
        accepted = {each.key: each for each in staging.accept()}
        if not (self.deploy.is_under_way or staging.plan.needs_ledger):
            rest = [(each.step.migration, False) for each in accepted.values()]
            return Itinerary(rest=rest, placements=found.placements)
        known = {each.key for each in found.placements}
        self._refuse_another(list(accepted), staging, known)
        parts = [
            (each.step.migration, each.extent if each.is_ready else None)
            for each in found.placements
        ]
        crossing = self.deploy.crossing()
        legs = list(outward(crossing, parts))
        for migration, part in parts:  # what begins has to come to an end
            leg(crossing, migration, BACK_HOME[part])
        run = Outward(
            self.executor, self.deploy, [each for each in legs if each.key in accepted]
        )
        return Itinerary([run], placements=found.placements)

    def _refuse_another(
        self, accepted: list[Key], staging: Staging, known: set[Key]
    ) -> None:
        if self.deploy.is_being_finished and accepted:
            raise DeployUnderWayError(Conflict.FINISHING)
        if self.deploy.is_under_way and self.deploy.is_complete and accepted:
            raise DeployUnderWayError(Conflict.NEXT, accepted[0])
        if staging.fakes or staging.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)
        loader = self.executor.loader
        for squashed, migration in loader.replacements.items():
            # The graph is another one as soon as the last of them is applied.
            if squashed not in loader.graph.nodes and known & {*migration.replaces}:
                raise DeployUnderWayError(Conflict.SQUASHED, squashed)

    def _home(self, plan: Plan, staging: Staging) -> Itinerary:
        """Return what is left of a deploy, and what comes after it."""
        if staging.fakes or staging.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)
        staged = staging.stage is Stage.POST_DEPLOY
        if staged and not self.deploy.is_complete:
            raise DeployUnderWayError(Conflict.INCOMPLETE, self.deploy.first_unbuilt)
        held = held_migrations(self.executor.loader, self.deploy.migrations)
        crossing = self.deploy.crossing()
        out = [
            each
            for each in outward(crossing, self.deploy.parts)
            if each.key not in self.deploy.built
        ]
        home = list(self.deploy.homeward(crossing, held if staged else {}))
        left = [each for each in home if each.key not in self.deploy.finished]
        for each in left:
            if not out and each.portion.extent is Extent.SECOND:
                refuse_to_lose(self._alias, each.before, each.after, crossing)
        runs: list[Run] = [Outward(self.executor, self.deploy, out)] if out else []
        runs.append(Homeward(self.executor, self.deploy, left))
        known = {(each.app_label, each.name) for each in self.deploy.migrations}
        rest = [each for each in plan if (each[0].app_label, each[0].name) not in known]
        if not staged:
            return Itinerary(runs, rest)
        if len(home) < len(known):
            staging.plan = self._held(home, held)
            return Itinerary(runs)  # the rest may come after what is held
        found = self._staged(rest, staging, crossing.written)
        # What another deploy needs before it is no reason not to finish this one.
        ready = [] if found.blocked else found.ready
        return Itinerary(runs, [(each.step.migration, False) for each in ready])

    def _held(
        self, home: Sequence[Leg], held: Mapping[Key, datetime.datetime]
    ) -> StagedPlan:
        """Return what of a deploy cannot be finished yet."""
        going = {each.key for each in home}
        nodes = self.executor.loader.graph.node_map
        policy = policies.current()
        inferred = Resolution(Stage.POST_DEPLOY, StageSource.INFERRED)
        placements = []
        for each in self.deploy.migrations:
            key = (each.app_label, each.name)
            parents = {parent.key for parent in nodes[key].parents}
            if key not in going and key not in self.deploy.built:
                placement = Placement(
                    Step(each),
                    Outcome.DEFERRED,
                    explicit(Step(each), policy) or inferred,
                    waits_for=tuple(sorted(parents & held.keys())),
                    until=held.get(key),
                )
                placements.append(placement)
        return StagedPlan(tuple(placements))

    def _back(self, whole: bool, staging: Staging) -> Itinerary:
        """Return what takes a deploy back to where it began."""
        if not self.deploy.is_under_way:
            raise DeployUnderWayError(Conflict.NOTHING)
        if staging.fakes or staging.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)
        if not whole:
            raise DeployUnderWayError(Conflict.TARGETS)
        if self.deploy.is_being_finished:
            raise DeployUnderWayError(Conflict.FINISHING)
        crossing = self.deploy.crossing()
        legs = [
            with_rows(each, crossing)
            for each in outward(crossing, self.deploy.parts)
            if each.key in self.deploy.begun
        ]
        for each in legs:
            refuse_to_lose(self._alias, each.after, each.before, crossing, again=True)
        return Itinerary([Backwards(self.executor, self.deploy, legs[::-1])])

    def _cut(self, plan: Plan, staging: Staging) -> Itinerary:
        """Return what is left to Django, cut to the stage."""
        # An earlier run that was killed may have left the table.
        empty = self.deploy.ledger.is_there and staging.stage is not Stage.PRE_DEPLOY
        runs: list[Run] = [Homeward(self.executor, self.deploy, [])] if empty else []
        if staging.stage is Stage.ANY:
            return Itinerary(runs, plan)
        found = self._staged(plan, staging)
        backwards = bool(plan) and is_backwards(plan)
        rest = [(each.step.migration, backwards) for each in staging.accept()]
        return Itinerary(runs, rest, found.placements)

    def _staged(
        self, plan: Plan, staging: Staging, tracker: Tracker | None = None
    ) -> StagedPlan:
        """Return the places of migrations that are no part of a deploy under way."""
        staging.plan = StagedPlan()
        if not plan:
            return staging.plan
        backwards = is_backwards(plan)
        migrations = [migration for migration, _ in plan]
        there = [] if backwards else self._already_there(migrations, staging)
        tracker = tracker or self.history.at([*self.history.applied, *there])
        start = tracker.world
        if backwards:
            steps = self.history.backwards(migrations)
        else:
            steps = self.history.forwards(tracker, migrations, there)
        parents = self.history.edges(migrations, backwards)
        policy = policies.current(staging.bridge)
        if staging.stage is Stage.PRE_DEPLOY:
            staging.plan = plan_pre_deploy(steps, start, parents, policy)
            return staging.plan
        loader = self.executor.loader
        held = {} if backwards else held_migrations(loader, migrations)
        staging.plan = plan_post_deploy(steps, start, parents, policy, held)
        return staging.plan

    def _already_there(
        self, migrations: Collection[Migration], staging: Staging
    ) -> list[Key]:
        """Return the migrations that --fake-initial would find applied."""
        if not staging.fake_initial:
            return []
        return [
            (each.app_label, each.name)
            for each in migrations
            if self.executor.detect_soft_applied(None, each)[0]
        ]
