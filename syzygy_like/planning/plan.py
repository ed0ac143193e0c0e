"""A plan, and the place of each migration in it."""

from __future__ import annotations

import dataclasses
import datetime
import enum

from syzygy_like.compatibility import Problem
from syzygy_like.expand_contract.simulation import NoHalvesError, Part
from syzygy_like.planning.resolver import Resolution
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.stages import Stage, StageSource

Key = tuple[str, str]


class Outcome(enum.Enum):
    """What becomes of a migration in a plan."""

    READY = "ready"
    DEFERRED = "deferred"
    BLOCKED = "blocked"


@dataclasses.dataclass(frozen=True)
class PlannedMigration:
    """
    A migration's place in a plan, and why.

    ``breaks`` is what the code now serving would lose, ``needed`` what the code
    being rolled out cannot do without. A migration may also wait for others
    (``waits_for``) or for a time (``until``). ``required`` tells of a ready
    migration that the new code may need. ``temporary_breaks`` is what the new code
    loses for the moment between this migration and a later one.
    """

    tracked: TrackedMigration
    outcome: Outcome
    resolution: Resolution
    breaks: tuple[Problem, ...] = ()
    needed: tuple[Problem, ...] = ()
    waits_for: tuple[Key, ...] = ()
    until: datetime.datetime | None = None
    required: bool = False
    temporary_breaks: tuple[Problem, ...] = ()
    part: Part = Part.WHOLE
    overtakes: tuple[Key, ...] = ()
    obstacle: NoHalvesError | None = None

    @property
    def key(self) -> Key:
        """App label and name of the migration."""
        return self.tracked.key

    @property
    def is_ready(self) -> bool:
        """Whether it can be carried out now, in part at least."""
        return self.outcome is Outcome.READY

    @property
    def is_whole(self) -> bool:
        """Whether it can be carried out now, and nothing of it is left."""
        return self.is_ready and self.part is Part.WHOLE

    @property
    def is_too_late(self) -> bool:
        """Whether somebody has said that it cannot run after the deploy."""
        set_by_hand = self.resolution.source is not StageSource.INFERRED
        return set_by_hand and Stage.POST_DEPLOY not in self.resolution.stage

    @property
    def is_vouched_for(self) -> bool:
        """Whether somebody has said that it may wait."""
        return self.resolution.source is not StageSource.INFERRED and (
            Stage.POST_DEPLOY in self.resolution.stage
        )

    def deferred_for(self, needed: tuple[Problem, ...]) -> PlannedMigration:
        """Return this placement, blocked if what the new code needs of it is late."""
        if self.is_too_late or (needed and not self.is_vouched_for):
            return dataclasses.replace(self, outcome=Outcome.BLOCKED, needed=needed)
        return self


@dataclasses.dataclass(frozen=True)
class Waypoint:
    """
    Where to go back to first, if the whole way back cannot be gone in one deploy.

    ``name`` is that of the last migration that stays applied, None if the app is to
    have none. Where it ``interrupts``, not even that can be done while code is served.
    """

    app_label: str
    name: str | None
    interrupts: bool = False


@dataclasses.dataclass(frozen=True)
class StagedPlan:
    """The placements of a plan's migrations, in the order of the plan."""

    planned_migrations: tuple[PlannedMigration, ...] = ()

    def of(self, outcome: Outcome) -> list[PlannedMigration]:
        """Return the placements with an outcome."""
        return [each for each in self.planned_migrations if each.outcome is outcome]

    @property
    def ready(self) -> list[PlannedMigration]:
        """What can be applied now."""
        return self.of(Outcome.READY)

    @property
    def needs_ledger(self) -> bool:
        """Whether it leaves what Django's own history cannot tell."""
        return any(each.overtakes or not each.is_whole for each in self.ready)

    @property
    def deferred(self) -> list[PlannedMigration]:
        """What has to wait, and can."""
        return self.of(Outcome.DEFERRED)

    @property
    def blocked(self) -> list[PlannedMigration]:
        """What has to wait, and cannot."""
        return self.of(Outcome.BLOCKED)
