"""A plan by stages: what becomes of each migration, and why."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Callable, Collection, Iterator, Mapping

from django.db.migrations.graph import MigrationGraph

from syzygy_like.compatibility import Problem
from syzygy_like.expand_contract.simulation import CannotSplitError, Part
from syzygy_like.planning.resolver import Resolution
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.stages import Stage, StageSource

Key = tuple[str, str]
Parents = Mapping[Key, Collection[Key]]
Target = tuple[str, "str | None"]


class Outcome(enum.Enum):
    """What becomes of a migration in a plan."""

    READY = "ready"
    DEFERRED = "deferred"
    BLOCKED = "blocked"


@dataclasses.dataclass(frozen=True)
class PlannedMigration:
    """
    What becomes of a migration in a plan, and why.

    ``breaks`` is what the old version would lose, ``needed`` what the new version
    cannot do without. A migration may also wait for others (``waits_for``) or until a
    time (``until``). ``required`` tells whether the new version may need a ready
    migration. ``temporary_breaks`` is what the new version loses between this migration
    and a later one. ``overtakes`` are the deferred migrations that it depends on.
    ``obstacle`` is why it cannot be applied yet, not even in part.
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
    obstacle: CannotSplitError | None = None

    @property
    def key(self) -> Key:
        """App label and name of the migration."""
        return self.tracked.key

    @property
    def is_ready(self) -> bool:
        """Whether it can be applied now, at least in part."""
        return self.outcome is Outcome.READY

    @property
    def is_whole(self) -> bool:
        """Whether all of it can be applied now."""
        return self.is_ready and self.part is Part.WHOLE

    @property
    def is_too_late(self) -> bool:
        """Whether its stage is set, and it cannot run after the deploy."""
        set_by_hand = self.resolution.source is not StageSource.INFERRED
        return set_by_hand and Stage.POST_DEPLOY not in self.resolution.stage

    @property
    def is_set_to_wait(self) -> bool:
        """Whether its stage is set, and it may wait until after the deploy."""
        return self.resolution.source is not StageSource.INFERRED and (
            Stage.POST_DEPLOY in self.resolution.stage
        )

    def deferred_for(self, needed: tuple[Problem, ...]) -> PlannedMigration:
        """Return it as deferred, or blocked if the new version needs it earlier."""
        if self.is_too_late or (needed and not self.is_set_to_wait):
            return dataclasses.replace(self, outcome=Outcome.BLOCKED, needed=needed)
        return self


@dataclasses.dataclass(frozen=True)
class Waypoint:
    """
    Where to go back to first, if one deploy cannot go all the way back.

    ``name`` is that of the last migration that stays applied, None for no migration of
    the app. If it ``needs_downtime``, not even that can be done while a version is
    serving.
    """

    app_label: str
    name: str | None
    needs_downtime: bool = False


@dataclasses.dataclass(frozen=True)
class StagedPlan:
    """Planned migrations, in the order of the plan."""

    planned_migrations: tuple[PlannedMigration, ...] = ()

    def of(self, outcome: Outcome) -> list[PlannedMigration]:
        """Return the planned migrations with an outcome."""
        return [each for each in self.planned_migrations if each.outcome is outcome]

    @property
    def ready(self) -> list[PlannedMigration]:
        """What can be applied now."""
        return self.of(Outcome.READY)

    @property
    def needs_ledger(self) -> bool:
        """Whether Django's own history cannot record what it applies."""
        return any(each.overtakes or not each.is_whole for each in self.ready)

    @property
    def deferred(self) -> list[PlannedMigration]:
        """What has to wait, and can."""
        return self.of(Outcome.DEFERRED)

    @property
    def blocked(self) -> list[PlannedMigration]:
        """What has to wait, and cannot."""
        return self.of(Outcome.BLOCKED)


def find_waypoint(
    graph: MigrationGraph,
    applied: Collection[Key],
    keys: Collection[Key],
    is_blocked: Callable[[Collection[Key]], bool],
) -> Waypoint | None:
    """
    Return the farthest stop that one deploy can go back to, None if there is none.

    ``keys`` are all migrations that are to be unapplied; a stop unapplies fewer.
    ``is_blocked`` tells whether some of them cannot be unapplied without failing
    queries. If that is so for every stop, the nearest is returned.
    """
    stops = sorted(_stops(graph, applied, keys), key=lambda stop: -len(stop[1]))
    for (app_label, name), unapplied in stops:
        if not is_blocked(unapplied):
            return Waypoint(app_label, name)
    return Waypoint(*stops[-1][0], needs_downtime=True) if stops else None


def _stops(
    graph: MigrationGraph, applied: Collection[Key], keys: Collection[Key]
) -> Iterator[tuple[Target, set[Key]]]:
    """Yield the targets that Django can stop at, with what it unapplies until there."""
    for key in keys:
        parents = [each.key for each in graph.node_map[key].parents]
        own = [each for each in parents if each[0] == key[0]]
        targets: list[Target] = [*own] or [(key[0], None)]
        for target in targets:
            unapplied = _unapplied(graph, target) & set(applied)
            if unapplied < set(keys):
                yield target, unapplied


def _unapplied(graph: MigrationGraph, target: Target) -> set[Key]:
    """Return what Django unapplies to get to a target, if it is applied."""
    app_label, name = target
    if name is None:
        first = [key for key in graph.root_nodes() if key[0] == app_label]
    else:
        children = graph.node_map[app_label, name].children
        first = [each.key for each in children if each.key[0] == app_label]
    return set[Key]().union(*(graph.backwards_plan(key) for key in first))
