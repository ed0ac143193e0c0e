"""What a run of migrate carries out: legs of a deploy, and what is left to Django."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from django.db.migrations import Migration
from django.db.migrations.exceptions import InvalidMigrationPlan

from syzygy_like.executor.hooks import RunHooks
from syzygy_like.executor.phases import Phase
from syzygy_like.executor.steps import DeployStep
from syzygy_like.planning.history import Key
from syzygy_like.planning.plan import PlannedMigration, StagedPlan, Waypoint
from syzygy_like.stages import Stage

Plan = list[tuple[Migration, bool]]


class RunContext(Protocol):
    """
    What is asked of a staged migrate, and what came of it.

    ``accept`` decides on the plan before anything is applied: it returns what to go
    on with, or raises. ``present`` returns what Django is given for a migration, or
    for a portion of one, and for its placement if it has one. ``consent`` raises if
    nobody agrees that what legs have made is dropped.

    What is left to say: a deploy of another version is ``left_alone``, what comes
    ``later`` than the one that is finished, and what of one under way is ``in_the_way``
    of the next, maybe until a time. On a way back that is blocked ``waypoint`` is where
    to stop first, if there is any such place.
    """

    stage: Stage
    hooks: RunHooks
    aborts: bool
    fakes: bool
    prunes: bool
    targeted: bool
    fake_initial: bool
    bridge: bool | None
    plan: StagedPlan
    left_alone: Sequence[Key]
    later: Sequence[Key]
    in_the_way: Mapping[Key, datetime.datetime | None]
    waypoint: Waypoint | None
    is_looking: bool

    def consent(self, steps: Sequence[DeployStep]) -> None: ...

    def accept(self) -> Iterable[PlannedMigration]: ...

    def present(self, migration: Migration, step: DeployStep | None = None) -> Any: ...

    def mark_failed(self) -> None: ...


@dataclasses.dataclass
class Schedule:
    """
    What is carried out: ``runs`` of legs, and after them the ``rest`` by Django.

    ``planned_migrations`` are those of the whole deploy, carried out already or not.
    """

    runs: list[Phase] = dataclasses.field(default_factory=list)
    rest: Plan = dataclasses.field(default_factory=list)
    planned_migrations: tuple[PlannedMigration, ...] = ()

    def presented(self, context: RunContext) -> Plan:
        """Return it as a plan for Django's command."""
        steps = [
            (context.present(step.partial, step), run.backwards)
            for run in self.runs
            for step in run.steps
        ]
        rest = [(context.present(each), backwards) for each, backwards in self.rest]
        return [*steps, *rest]


def is_backwards(plan: Plan) -> bool:
    """Tell whether a plan goes backwards; raise InvalidMigrationPlan if both ways."""
    directions = {backwards for _, backwards in plan}
    if len(directions) > 1:
        raise InvalidMigrationPlan("A plan goes either forwards or backwards.", plan)
    return directions == {True}
