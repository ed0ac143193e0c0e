"""A plan, and the place of each migration in it."""

from __future__ import annotations

import dataclasses
import datetime
import enum

from syzygy_like.compat import Problem
from syzygy_like.effects import Step
from syzygy_like.resolver import Resolution
from syzygy_like.stages import Stage, StageSource

Key = tuple[str, str]


class Outcome(enum.Enum):
    """What becomes of a migration in a plan."""

    READY = "ready"
    DEFERRED = "deferred"
    BLOCKED = "blocked"


@dataclasses.dataclass(frozen=True)
class Placement:
    """
    A migration's place in a plan, and why.

    ``breaks`` is what the code now serving would lose, ``needed`` what the code
    being rolled out cannot do without. A migration may also wait for others
    (``waits_for``) or for a time (``until``). ``required`` tells of a ready
    migration that the new code may need. ``passing`` is what the new code loses for
    the moment between this migration and a later one.
    """

    step: Step
    outcome: Outcome
    resolution: Resolution
    breaks: tuple[Problem, ...] = ()
    needed: tuple[Problem, ...] = ()
    waits_for: tuple[Key, ...] = ()
    until: datetime.datetime | None = None
    required: bool = False
    passing: tuple[Problem, ...] = ()

    @property
    def key(self) -> Key:
        """App label and name of the migration."""
        return self.step.key

    @property
    def is_vouched_for(self) -> bool:
        """Whether somebody has said that it may wait."""
        return self.resolution.source is not StageSource.INFERRED and (
            Stage.POST_DEPLOY in self.resolution.stage
        )


@dataclasses.dataclass(frozen=True)
class StagedPlan:
    """The placements of a plan's migrations, in the order of the plan."""

    placements: tuple[Placement, ...] = ()

    def of(self, outcome: Outcome) -> list[Placement]:
        """Return the placements with an outcome."""
        return [each for each in self.placements if each.outcome is outcome]

    @property
    def ready(self) -> list[Placement]:
        """What can be applied now."""
        return self.of(Outcome.READY)

    @property
    def deferred(self) -> list[Placement]:
        """What has to wait, and can."""
        return self.of(Outcome.DEFERRED)

    @property
    def blocked(self) -> list[Placement]:
        """What has to wait, and cannot."""
        return self.of(Outcome.BLOCKED)
