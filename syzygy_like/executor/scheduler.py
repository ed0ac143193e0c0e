"""From Django's plan to the phases that a run of migrate carries out."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence

from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.executor.context import Plan, RunContext, Targets
from syzygy_like.executor.deploy import Deploy, Joining
from syzygy_like.executor.errors import Conflict, DeployUnderWayError
from syzygy_like.executor.phases import AbortPhase, ContractPhase, ExpandPhase, Phase
from syzygy_like.executor.record import Entry
from syzygy_like.executor.schedule import Schedule, accept, is_backwards
from syzygy_like.executor.stage_cut import already_there, cut_to_stage
from syzygy_like.executor.steps import (
    DeployStep,
    expand_steps,
    refuse_to_lose,
    with_rows,
)
from syzygy_like.expand_contract.simulation import CannotSplitError, DeployState, Part
from syzygy_like.planning.delays import held_migrations
from syzygy_like.planning.history import History, Key
from syzygy_like.planning.plan import Outcome, PlannedMigration, StagedPlan
from syzygy_like.planning.policy import Policy, current_policy
from syzygy_like.planning.pre_deploy import plan_pre_deploy
from syzygy_like.planning.resolver import Resolution, explicit
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.stages import Stage, StageSource


class Scheduler:
    """Schedules a run, from what Django would do, by its context."""

    def __init__(
        self,
        executor: MigrationExecutor,
        history: History,
        deploy: Deploy,
        context: RunContext,
    ):
        self.executor = executor
        self.history = history
        self.deploy = deploy
        self.context = context
        self.alias = executor.connection.alias

    def schedule(self, plan: Plan, targets: Targets) -> Schedule:
        """
        Return what the run carries out of a plan of Django's for some targets.

        Raises BlockedPlanError, DeployUnderWayError, InvalidEntryError, LostRowsError
        and what planning raises.
        """
        context = self.context
        if self.deploy.is_under_way and context.prunes:
            return Schedule()
        if self.deploy.unknown:
            return self._leave_alone(plan)
        self.deploy.check()
        leaves = self.executor.loader.graph.leaf_nodes()
        if context.aborts:
            return self._abort(plan, targets == leaves)
        if self.deploy.is_under_way and not self._is_whole(targets, leaves):
            raise DeployUnderWayError(Conflict.TARGETS, until=self._held_until())
        if context.stage is Stage.PRE_DEPLOY and not is_backwards(plan):
            return self._expand(plan)
        if not self.deploy.is_under_way:
            return self._cut(plan)
        return self._contract(plan)

    def _is_whole(self, targets: Targets, leaves: list[Key]) -> bool:
        """Tell whether a run is about the whole deploy, not some of its migrations."""
        is_missing = self.deploy.first_missing(len(self.deploy.record.releases))
        resumes = self.context.stage is Stage.PRE_DEPLOY and is_missing is not None
        return not self.context.targeted or (resumes and set(targets) <= set(leaves))

    def _held_until(self) -> datetime.datetime | None:
        """Return until when a delay holds the end of the deploy, if one does."""
        deploy = self.deploy
        keys = deploy.ordered(deploy.record.members)
        left = [deploy.migration(key) for key in keys if not deploy.is_over(key)]
        held = held_migrations(self.executor.loader, left)
        return max(held.values(), default=None)

    def _leave_alone(self, plan: Plan) -> Schedule:
        """
        Leave a deploy alone that another version is carrying out.

        The database is compatible with this version, so there is nothing to do. It
        cannot plan migrations of its own, for it does not know what the database has.
        Raises DeployUnderWayError if there are any.
        """
        key = self.deploy.unknown[0]
        members = self.deploy.record.members
        own = [
            (each.app_label, each.name)
            for each, backwards in plan
            if backwards or (each.app_label, each.name) not in members
        ]
        if self.context.aborts or own:
            raise DeployUnderWayError(Conflict.FOREIGN, key, own[0] if own else None)
        return Schedule(left_alone=self.deploy.unknown)

    def _expand(self, plan: Plan) -> Schedule:
        """Return what precedes a roll-out."""
        pending = [migration for migration, _ in plan]
        there = already_there(self.executor, pending, self.context)
        policy = current_policy(self.context.bridge)
        joining = self.deploy.joining(pending)
        found = self.deploy.plan(pending, policy, joining, there)
        is_under_way = self.deploy.is_under_way
        state, done = self.deploy.deploy_state(joining) if is_under_way else (None, [])
        resumed = self.deploy.unfinished(done)
        begun = [self._planned(each) for each in resumed]
        schedule = Schedule(plan=StagedPlan((*begun, *found.planned_migrations)))
        if found.blocked and is_under_way:
            schedule.in_the_way = self._in_the_way(pending, found, policy)
        accepted = {each.key: each for each in accept(schedule, self.context)}
        if not (is_under_way or found.needs_ledger):
            migrations = (each.tracked.migration for each in accepted.values())
            schedule.rest = [(each, False) for each in migrations]
            return schedule
        self._refuse(bool(accepted), {each.key for each in found.planned_migrations})
        try:
            new = self._expand_steps(found, joining, state)
        except CannotSplitError as error:
            if not is_under_way or not accepted:
                raise
            key = (error.migration.app_label, error.migration.name)
            raise DeployUnderWayError(Conflict.JOINING, key) from error
        steps = [each for each in (*resumed, *new) if each.key in accepted]
        phase = ExpandPhase(
            self.executor, self.deploy, steps, joining, found.planned_migrations
        )
        schedule.phases = [phase]
        return schedule

    def _planned(self, step: DeployStep) -> PlannedMigration:
        """Return the place in the plan of a step that an earlier run has begun."""
        inferred = Resolution(Stage.PRE_DEPLOY, StageSource.INFERRED)
        tracked = TrackedMigration(step.partial.migration)
        return PlannedMigration(
            tracked, Outcome.READY, inferred, required=True, part=step.partial.part
        )

    def _expand_steps(
        self, found: StagedPlan, joining: Joining, deploy_state: DeployState | None
    ) -> list[DeployStep]:
        """
        Return the new steps before a roll-out, from the state of the deploy under way.

        Raises CannotSplitError if one of them, or what is left then, cannot be done.
        """
        parts = [
            (each.tracked.migration, each.part if each.is_ready else None)
            for each in found.planned_migrations
        ]
        if deploy_state is None:
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
            pass  # a deploy must be possible to finish before it begins
        return steps

    def _in_the_way(
        self, pending: Sequence[Migration], found: StagedPlan, policy: Policy
    ) -> dict[Key, datetime.datetime | None]:
        """
        Return what is left of the deploy under way and blocks the next one.

        It is empty if finishing it would not help. A value is the time until which a
        delay holds the migration.
        """
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
        return {key: held.get(key) for key in self._left_on_tables(found)}

    def _left_on_tables(self, found: StagedPlan) -> list[Key]:
        """Return what is left of the deploy on the tables of what is blocked."""
        deploy = self.deploy
        deploy_state, _ = deploy.replay()
        left = list(
            deploy.remaining(deploy_state, deploy.ordered(deploy.record.members))
        )
        tables = frozenset[str]().union(
            *(each.tracked.tables for each in found.blocked)
        )
        same_tables = [each.key for each in left if tables & each.tables]
        return same_tables or [each.key for each in left]

    def _refuse(self, is_anything: bool, known: set[Key]) -> None:
        """Raise DeployUnderWayError if the deploy cannot be continued, or begun."""
        record = self.deploy.record
        for each in record.entries:
            if not each.is_done and record.rolled_out >= each.release:
                raise DeployUnderWayError(Conflict.FINISHING)
        if not is_anything:
            return
        self._refuse_fakes()
        loader = self.executor.loader
        for squashed, migration in loader.replacements.items():
            # The graph is another one as soon as the last of them is applied.
            if squashed not in loader.graph.nodes and known & {*migration.replaces}:
                raise DeployUnderWayError(Conflict.SQUASHED, squashed)

    def _refuse_fakes(self) -> None:
        if self.context.fakes or self.context.fake_initial:
            raise DeployUnderWayError(Conflict.FAKE)

    def _contract(self, plan: Plan) -> Schedule:
        """Return what is left of a deploy; for a plain run, all that comes after it."""
        self._refuse_fakes()
        record = self.deploy.record
        staged = self.context.stage is Stage.POST_DEPLOY
        number = self._rolled_out() if staged else len(record.releases)
        scope = [key for key, each in record.members.items() if each <= number]
        keys = self.deploy.ordered(scope)
        deploy_state, steps = self.deploy.replay()
        begun = self.deploy.unfinished(steps)
        expanding = [each for each in begun if self.deploy.precedes_roll_out(each)]
        contracting = [each for each in begun if each not in expanding]
        left, held = self._left(deploy_state, keys, number if staged else 0)
        for each in left:
            if not expanding and each.partial.part is Part.CONTRACT:
                refuse_to_lose(
                    self.alias,
                    each.before,
                    each.after,
                    deploy_state,
                )
        phases: list[Phase] = []
        if expanding:
            phases.append(ExpandPhase(self.executor, self.deploy, expanding))
        contracting += left
        phases.append(ContractPhase(self.executor, self.deploy, contracting, number))
        rest = [
            each for each in plan if (each[0].app_label, each[0].name) not in set(scope)
        ]
        if not staged:
            return Schedule(phases, rest)
        going = {each.key for each in contracting}
        return Schedule(
            phases,
            plan=self._deferred([key for key in keys if key not in going], held),
            later=[(each.app_label, each.name) for each, _ in rest],
        )

    def _left(
        self, deploy_state: DeployState, keys: Sequence[Key], number: int
    ) -> tuple[list[DeployStep], dict[Key, datetime.datetime]]:
        """
        Return the steps that are left for the release of a number, and what is held.

        For number 0 nothing is held, and nothing waits for a version to be gone.
        """
        deploy, loader = self.deploy, self.executor.loader
        if not number:
            return list(deploy.remaining(deploy_state, keys)), {}
        migrations = [deploy.migration(key) for key in keys if not deploy.is_over(key)]
        held = held_migrations(loader, migrations)
        left, waits = deploy.remaining_but(keys, held, number)
        if not waits:
            return left, held
        # A migration that waits for one that is held cannot hold that one.
        going = {each.key for each in left} | deploy.recorded | held.keys()
        since = {key: deploy.changed for key in keys if key not in going}
        again = held_migrations(loader, migrations, since)
        if again.keys() != held.keys():
            left, _ = deploy.remaining_but(keys, again, number)
        return left, again

    def _rolled_out(self) -> int:
        """
        Return the number of the newest release that a post-deploy is for.

        Raises DeployUnderWayError if something is missing before its roll-out.
        """
        record = self.deploy.record
        begun = {each.release for each in record.entries}
        number = len(record.releases)
        while (
            number > 1 and number not in begun and not self.deploy.is_prepared(number)
        ):
            number -= 1
        missing = self.deploy.first_missing(number)
        if missing is None and number == len(record.releases):
            missing = self._needed_first()
        if missing is not None and record.rolled_out < number:
            raise DeployUnderWayError(Conflict.INCOMPLETE, missing)
        return number

    def _needed_first(self) -> Key | None:
        """Return what was deferred, but has changed since and is needed first."""
        joining = self.deploy.joining(())
        ready = self.deploy.plan((), current_policy(), joining).ready
        return ready[0].key if ready else None

    def _deferred(
        self, keys: Iterable[Key], held: Mapping[Key, datetime.datetime]
    ) -> StagedPlan:
        """Return what cannot be finished yet of a deploy."""
        nodes = self.executor.loader.graph.node_map
        policy = current_policy()
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

    def _abort(self, plan: Plan, whole: bool) -> Schedule:
        """Return what takes the newest release back to where its deploy began."""
        if not self.deploy.is_under_way:
            raise DeployUnderWayError(Conflict.NOTHING)
        self._refuse_fakes()
        if not whole:
            raise DeployUnderWayError(Conflict.TARGETS)
        record = self.deploy.record
        number = len(record.releases)
        if unknown := self.deploy.unknown_of(number):
            raise DeployUnderWayError(Conflict.FOREIGN, unknown[0])
        if record.rolled_out >= number:
            raise DeployUnderWayError(Conflict.FINISHING, until=self._held_until())
        is_complete = self.deploy.first_missing(number) is None
        keys = ((each.app_label, each.name) for each, _ in plan)
        newer = [key for key in keys if key not in record.members]
        if is_complete and newer:
            raise DeployUnderWayError(Conflict.NEWER, newer[0])
        deploy_state, every = self.deploy.replay()
        steps = [
            with_rows(each, deploy_state) for each in every if each.release == number
        ]
        for each in steps:
            refuse_to_lose(
                self.alias,
                each.after,
                each.before,
                deploy_state,
                again=True,
            )
        # A version whose expand parts are not complete has not been served.
        makes = (name for each in steps for name in each.makes)
        phase = AbortPhase(self.executor, self.deploy, steps[::-1], number)
        return Schedule([phase], drops=tuple(makes) if is_complete else ())

    def _cut(self, plan: Plan) -> Schedule:
        """Return what is left to Django, cut to the stage."""
        # An earlier run that was killed may have left the table.
        is_there = self.deploy.ledger.is_there and not self.context.is_looking
        empty = is_there and self.context.stage is not Stage.PRE_DEPLOY
        phases: list[Phase] = (
            [ContractPhase(self.executor, self.deploy, [])] if empty else []
        )
        if self.context.stage is Stage.ANY:
            return Schedule(phases, plan)
        schedule = cut_to_stage(self.executor, self.history, plan, self.context)
        backwards = bool(plan) and is_backwards(plan)
        schedule.phases = phases
        schedule.rest = [
            (each.tracked.migration, backwards)
            for each in accept(schedule, self.context)
        ]
        return schedule
