"""From what Django would do to what a run of migrate carries out."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.executor.conflicts import Conflict, DeployUnderWayError
from syzygy_like.executor.deploy import Deploy, Joining
from syzygy_like.executor.itinerary import Plan, RunContext, Schedule, is_backwards
from syzygy_like.executor.phases import AbortPhase, ContractPhase, ExpandPhase, Phase
from syzygy_like.executor.record import Entry
from syzygy_like.executor.rows import refuse_to_lose, with_rows
from syzygy_like.executor.stage_cut import already_there, cut_to_stage
from syzygy_like.executor.steps import DeployStep, expand_steps
from syzygy_like.expand_contract.simulation import DeployState, NoHalvesError, Part
from syzygy_like.planning import policy as policies
from syzygy_like.planning.delays import held_migrations
from syzygy_like.planning.history import History, Key
from syzygy_like.planning.plan import Outcome, PlannedMigration, StagedPlan
from syzygy_like.planning.planner import plan_pre_deploy
from syzygy_like.planning.resolver import Policy, Resolution, explicit
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.stages import Stage, StageSource


class Scheduler:
    """Makes the itinerary of a run, from what Django would do."""

    def __init__(self, executor: MigrationExecutor, history: History, deploy: Deploy):
        self.executor = executor
        self.history = history
        self.deploy = deploy

    @property
    def _alias(self) -> str:
        return str(self.executor.connection.alias)

    def schedule(self, plan: Plan, targets: Any, context: RunContext) -> Schedule:
        """
        Return what is to be carried out. Raises DeployUnderWayError.

        The plan for people is left at the ``context``.
        """
        if self.deploy.is_under_way and context.prunes:
            return Schedule()
        if self.deploy.unknown:
            return self._foreign(plan, context)
        self.deploy.check()
        leaves = self.executor.loader.graph.leaf_nodes()
        if context.aborts:
            return self._back(plan, targets == leaves, context)
        if self.deploy.is_under_way and not self._is_whole(targets, leaves, context):
            raise DeployUnderWayError(Conflict.TARGETS, until=self._held_until())
        if context.stage is Stage.PRE_DEPLOY and not is_backwards(plan):
            return self._out(plan, context)
        if not self.deploy.is_under_way:
            return self._cut(plan, context)
        return self._home(plan, context)

    def _is_whole(self, targets: Any, leaves: list[Key], context: RunContext) -> bool:
        """Tell whether a run is about the whole deploy, not some of its migrations."""
        is_missing = self.deploy.first_missing(len(self.deploy.record.releases))
        resumes = context.stage is Stage.PRE_DEPLOY and is_missing is not None
        return not context.targeted or (resumes and set(targets) <= set(leaves))

    def _held_until(self) -> datetime.datetime | None:
        """Return until when the end of the deploy is held by a delay, if it is."""
        deploy = self.deploy
        keys = deploy.ordered(deploy.record.members)
        left = [deploy.migration(key) for key in keys if not deploy.is_over(key)]
        held = held_migrations(self.executor.loader, left)
        return max(held.values(), default=None)

    def _new(self, plan: Plan) -> list[Key]:
        """Return what Django would apply that is of no deploy under way."""
        members = self.deploy.record.members
        keys = [(each.app_label, each.name) for each, _ in plan]
        return [key for key in keys if key not in members]

    def _foreign(self, plan: Plan, context: RunContext) -> Schedule:
        """
        Leave a deploy alone that another version of the code is carrying out.

        This version runs on what is built, whatever that is: so it has nothing to do.
        What it has of its own it cannot judge, for it does not know what is built.
        """
        key = self.deploy.unknown[0]
        members = self.deploy.record.members
        own = [
            (each.app_label, each.name)
            for each, backwards in plan
            if backwards or (each.app_label, each.name) not in members
        ]
        if context.aborts or own:
            raise DeployUnderWayError(Conflict.FOREIGN, key, own[0] if own else None)
        context.left_alone = self.deploy.unknown
        return Schedule()

    def _out(self, plan: Plan, context: RunContext) -> Schedule:
        """Return what precedes a roll-out."""
        pending = [migration for migration, _ in plan]
        there = already_there(self.executor, pending, context)
        policy = policies.current(context.bridge)
        joining = self.deploy.joining(pending)
        found = self.deploy.places(pending, policy, joining, there)
        resumed = self._resumed()
        begun = [self._placement(each) for each in resumed]
        context.plan = StagedPlan((*begun, *found.planned_migrations))
        if found.blocked and self.deploy.is_under_way:
            context.in_the_way = self._obstacles(pending, found, policy)
        accepted = {each.key: each for each in context.accept()}
        if not (self.deploy.is_under_way or found.needs_ledger):
            rest = [(each.tracked.migration, False) for each in accepted.values()]
            return Schedule(rest=rest, planned_migrations=found.planned_migrations)
        known = {each.key for each in found.planned_migrations}
        self._refuse(bool(accepted), context, known)
        try:
            new = self._precede(found, joining)
        except NoHalvesError as error:
            if not self.deploy.is_under_way or not accepted:
                raise
            key = (error.migration.app_label, error.migration.name)
            raise DeployUnderWayError(Conflict.JOINING, key) from error
        steps = [each for each in (*resumed, *new) if each.key in accepted]
        run = ExpandPhase(
            self.executor, self.deploy, steps, joining, found.planned_migrations
        )
        return Schedule([run], planned_migrations=found.planned_migrations)

    def _resumed(self) -> list[DeployStep]:
        """Return what an earlier run has begun and not ended."""
        if not self.deploy.is_under_way:
            return []
        return self.deploy.unfinished(self.deploy.replay()[1])

    def _placement(self, step: DeployStep) -> PlannedMigration:
        """Return the place in the plan of what an earlier run has begun."""
        inferred = Resolution(Stage.PRE_DEPLOY, StageSource.INFERRED)
        tracked = TrackedMigration(step.partial.migration)
        return PlannedMigration(
            tracked, Outcome.READY, inferred, required=True, part=step.partial.part
        )

    def _precede(self, found: StagedPlan, joining: Joining) -> list[DeployStep]:
        """Return what is new before a roll-out. Raises NoHalvesError."""
        parts = [
            (each.tracked.migration, each.part if each.is_ready else None)
            for each in found.planned_migrations
        ]
        deploy_state, _ = self.deploy.deploy_state(joining)
        steps = [
            dataclasses.replace(each, release=joining.number)
            for each in expand_steps(deploy_state, parts)
        ]
        record = self.deploy.decided(joining, found.planned_migrations)
        for each in steps:
            record = record.put(Entry(*each.place, release=each.release))
        keys = self.deploy.ordered(record.members)
        for _ in self.deploy.remaining(deploy_state, keys, record):
            pass  # what begins has to come to an end
        return steps

    def _obstacles(
        self, pending: Sequence[Migration], found: StagedPlan, policy: Policy
    ) -> dict[Key, datetime.datetime | None]:
        """Return what of the deploy under way need only be finished, and until when."""
        members = self.deploy.record.members
        keys = self.deploy.ordered({*members, *self.deploy.start_keys()})
        new = [each for each in pending if (each.app_label, each.name) not in keys]
        tracker = self.history.at(keys)
        start = tracker.schemas
        later = plan_pre_deploy(
            self.history.forwards(tracker, new),
            start,
            self.history.edges(new, backwards=False),
            policy,
            lambda: self.history.deploy_state(self.history.at(keys)),
        )
        if later.blocked:
            return {}
        held = held_migrations(self.executor.loader, pending)
        return {key: held.get(key) for key in self._in_the_way(found)}

    def _in_the_way(self, found: StagedPlan) -> list[Key]:
        """Return what of the deploy under way is about the tables of another one."""
        deploy = self.deploy
        deploy_state, _ = deploy.replay()
        left = list(
            deploy.remaining(deploy_state, deploy.ordered(deploy.record.members))
        )
        tables = frozenset[str]().union(
            *(each.tracked.tables for each in found.blocked)
        )
        in_the_way = [each.key for each in left if tables & each.tables]
        return in_the_way or [each.key for each in left]

    def _refuse(self, is_anything: bool, context: RunContext, known: set[Key]) -> None:
        """Raise DeployUnderWayError if a deploy cannot be gone on with, or begun."""
        record = self.deploy.record
        for each in record.entries:
            if not each.is_done and record.rolled_out >= each.release:
                raise DeployUnderWayError(Conflict.FINISHING)
        if not is_anything:
            return
        if context.fakes or context.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)
        loader = self.executor.loader
        for squashed, migration in loader.replacements.items():
            # The graph is another one as soon as the last of them is applied.
            if squashed not in loader.graph.nodes and known & {*migration.replaces}:
                raise DeployUnderWayError(Conflict.SQUASHED, squashed)

    def _home(self, plan: Plan, context: RunContext) -> Schedule:
        """Return what is left of a deploy; for a plain run, all that comes after it."""
        if context.fakes or context.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)
        record = self.deploy.record
        staged = context.stage is Stage.POST_DEPLOY
        number = self._rolled_out() if staged else len(record.releases)
        scope = [key for key, each in record.members.items() if each <= number]
        keys = self.deploy.ordered(scope)
        deploy_state, steps = self.deploy.replay()
        begun = self.deploy.unfinished(steps)
        out = [each for each in begun if self._precedes(each)]
        home = [each for each in begun if each not in out]
        left, held = self._left(deploy_state, keys, number if staged else 0)
        for each in left:
            if not out and each.partial.part is Part.CONTRACT:
                refuse_to_lose(self._alias, each.before, each.after, deploy_state)
        runs: list[Phase] = (
            [ExpandPhase(self.executor, self.deploy, out)] if out else []
        )
        runs.append(ContractPhase(self.executor, self.deploy, [*home, *left], number))
        rest = [
            each for each in plan if (each[0].app_label, each[0].name) not in set(scope)
        ]
        if not staged:
            return Schedule(runs, rest)
        going = {each.key for each in (*home, *left)}
        context.plan = self._held([key for key in keys if key not in going], held)
        context.later = [(each.app_label, each.name) for each, _ in rest]
        return Schedule(runs)

    def _left(
        self, deploy_state: DeployState, keys: Sequence[Key], number: int
    ) -> tuple[list[DeployStep], dict[Key, datetime.datetime]]:
        """
        Return what is left that the code of a release suits, and what is held.

        For number 0 nothing is held, nor does anything wait for any code.
        """
        deploy, loader = self.deploy, self.executor.loader
        if not number:
            return list(deploy.remaining(deploy_state, keys)), {}
        migrations = [deploy.migration(key) for key in keys if not deploy.is_over(key)]
        held = held_migrations(loader, migrations)
        left, waits = deploy.remaining_but(keys, held, number)
        if not waits:
            return left, held
        # What waits for those that are held is no parent that they can wait for.
        going = {each.key for each in left} | deploy.recorded | held.keys()
        since = {key: deploy.changed for key in keys if key not in going}
        again = held_migrations(loader, migrations, since)
        if again.keys() != held.keys():
            left, _ = deploy.remaining_but(keys, again, number)
        return left, again

    def _rolled_out(self) -> int:
        """
        Return the newest release that a post-deploy is about.

        Raises DeployUnderWayError where something is missing before its roll-out.
        """
        record = self.deploy.record
        begun = {each.release for each in record.entries}
        number = len(record.releases)
        while number > 1 and number not in begun and not self._is_prepared(number):
            number -= 1
        missing = self.deploy.first_missing(number)
        if missing is None and number == len(record.releases):
            missing = self._needed_first()
        if missing is not None and record.rolled_out < number:
            raise DeployUnderWayError(Conflict.INCOMPLETE, missing)
        return number

    def _needed_first(self) -> Key | None:
        """Return what was to follow the roll-out, but has changed and is needed."""
        joining = self.deploy.joining(())
        ready = self.deploy.places((), policies.current(), joining).ready
        return ready[0].key if ready else None

    def _is_prepared(self, number: int) -> bool:
        """Tell whether all of a release is carried out that precedes its roll-out."""
        is_complete = self.deploy.first_missing(number) is None
        return is_complete and not self.deploy.unknown_of(number)

    def _precedes(self, step: DeployStep) -> bool:
        """Tell whether what was begun precedes a roll-out."""
        record = self.deploy.record
        is_planned = record.planned(step.key) is not None
        return step.partial.part is not Part.CONTRACT and is_planned

    def _held(
        self, keys: Iterable[Key], held: Mapping[Key, datetime.datetime]
    ) -> StagedPlan:
        """Return what of a deploy cannot be finished yet."""
        nodes = self.executor.loader.graph.node_map
        policy = policies.current()
        inferred = Resolution(Stage.POST_DEPLOY, StageSource.INFERRED)
        planned_migrations = []
        for key in keys:
            if self.deploy.is_over(key):
                continue
            tracked = TrackedMigration(self.deploy.migration(key))
            parents = {parent.key for parent in nodes[key].parents}
            planned = PlannedMigration(
                tracked,
                Outcome.DEFERRED,
                explicit(tracked, policy) or inferred,
                waits_for=tuple(sorted(parents & held.keys())),
                until=held.get(key),
            )
            planned_migrations.append(planned)
        return StagedPlan(tuple(planned_migrations))

    def _back(self, plan: Plan, whole: bool, context: RunContext) -> Schedule:
        """Return what takes the newest release back to where its deploy began."""
        if not self.deploy.is_under_way:
            raise DeployUnderWayError(Conflict.NOTHING)
        if context.fakes or context.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)
        if not whole:
            raise DeployUnderWayError(Conflict.TARGETS)
        record = self.deploy.record
        number = len(record.releases)
        if unknown := self.deploy.unknown_of(number):
            raise DeployUnderWayError(Conflict.FOREIGN, unknown[0])
        if record.rolled_out >= number:
            raise DeployUnderWayError(Conflict.FINISHING, until=self._held_until())
        is_complete = self.deploy.first_missing(number) is None
        newer = [each for each in self._new(plan) if is_complete]
        if newer:
            raise DeployUnderWayError(Conflict.NEWER, newer[0])
        deploy_state, every = self.deploy.replay()
        steps = [
            with_rows(each, deploy_state) for each in every if each.release == number
        ]
        for each in steps:
            refuse_to_lose(
                self._alias, each.after, each.before, deploy_state, again=True
            )
        if is_complete:
            context.consent(steps)
        run = AbortPhase(self.executor, self.deploy, steps[::-1], number)
        return Schedule([run])

    def _cut(self, plan: Plan, context: RunContext) -> Schedule:
        """Return what is left to Django, cut to the stage."""
        # An earlier run that was killed may have left the table.
        is_there = self.deploy.ledger.is_there and not context.is_looking
        empty = is_there and context.stage is not Stage.PRE_DEPLOY
        runs: list[Phase] = (
            [ContractPhase(self.executor, self.deploy, [])] if empty else []
        )
        if context.stage is Stage.ANY:
            return Schedule(runs, plan)
        found = cut_to_stage(self.executor, self.history, plan, context)
        backwards = bool(plan) and is_backwards(plan)
        rest = [(each.tracked.migration, backwards) for each in context.accept()]
        return Schedule(runs, rest, found.planned_migrations)
