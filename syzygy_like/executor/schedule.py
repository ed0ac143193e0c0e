"""What a run of migrate carries out, and what is left to say about it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from django.db.migrations.exceptions import InvalidMigrationPlan

from syzygy_like.executor.context import Plan, RunContext
from syzygy_like.executor.phases import Phase
from syzygy_like.planning.history import Key
from syzygy_like.planning.plan import PlannedMigration, StagedPlan, Waypoint
from syzygy_like.stages import Stage


@dataclasses.dataclass
class Schedule:
    """
    What a run carries out: ``phases`` of a deploy, and after them ``rest`` by Django.

    ``plan`` says what becomes of each migration. Those of another version's deploy are
    ``left_alone``, those that come ``later`` are not part of the deploy that is
    finished. ``in_the_way`` are those of the deploy under way that block the next one,
    maybe until a time. Where unapplying is blocked, ``waypoint`` is where to stop
    first, if there is such a place. An abort ``drops`` columns and tables of a version
    that may have been served.
    """

    phases: list[Phase] = dataclasses.field(default_factory=list)
    rest: Plan = dataclasses.field(default_factory=list)
    plan: StagedPlan = dataclasses.field(default_factory=StagedPlan)
    left_alone: Sequence[Key] = ()
    later: Sequence[Key] = ()
    in_the_way: Mapping[Key, datetime.datetime | None] = dataclasses.field(
        default_factory=dict
    )
    waypoint: Waypoint | None = None
    drops: tuple[str, ...] = ()

    @property
    def django_plan(self) -> Plan:
        """All that it carries out, as Django's command takes it."""
        steps = [
            (step.partial, phase.backwards)
            for phase in self.phases
            for step in phase.steps
        ]
        return [*steps, *self.rest]


@dataclasses.dataclass(eq=False)
class BlockedPlanError(Exception):
    """Migrations of a plan can be neither applied in this stage nor deferred."""

    schedule: Schedule


def accept(schedule: Schedule, context: RunContext) -> Sequence[PlannedMigration]:
    """
    Return the migrations of a schedule's plan that a run goes on with.

    Raises BlockedPlanError.
    """
    plan = schedule.plan
    if context.prunes:  # Django applies nothing then
        return plan.planned_migrations
    if context.shows_plan:
        return plan.ready
    if plan.blocked and not context.skips_blocked:
        raise BlockedPlanError(schedule)
    return outstanding(plan, context.stage) if context.checks else plan.ready


def outstanding(plan: StagedPlan, stage: Stage) -> list[PlannedMigration]:
    """Return what --check reports: what the new version cannot run without."""
    if stage is Stage.PRE_DEPLOY:
        return [each for each in plan.ready if each.required]
    return plan.ready


def is_backwards(plan: Plan) -> bool:
    """Tell whether a plan goes backwards; raise InvalidMigrationPlan if both ways."""
    directions = {backwards for _, backwards in plan}
    if len(directions) > 1:
        raise InvalidMigrationPlan("A plan goes either forwards or backwards.", plan)
    return directions == {True}
