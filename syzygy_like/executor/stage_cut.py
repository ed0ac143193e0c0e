"""Plans of Django's, cut to a stage while no deploy is under way."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from syzygy_like.executor.context import Plan, RunContext
from syzygy_like.executor.schedule import Schedule, is_backwards
from syzygy_like.planning.delays import held_migrations, waits_since
from syzygy_like.planning.history import History, Key
from syzygy_like.planning.plan import Parents, StagedPlan, Waypoint, find_waypoint
from syzygy_like.planning.policy import Policy, current_policy
from syzygy_like.planning.post_deploy import plan_post_deploy
from syzygy_like.planning.pre_deploy import plan_pre_deploy
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import Stage


def cut_to_stage(
    executor: MigrationExecutor, history: History, plan: Plan, context: RunContext
) -> Schedule:
    """
    Return what becomes of migrations that are unapplied, or that follow a roll-out.

    What precedes a roll-out is a deploy, and scheduled as such.
    """
    if not plan:
        return Schedule()
    migrations = [migration for migration, _ in plan]
    policy = current_policy(context.bridge)
    if is_backwards(plan):
        return _unapplied(executor.loader, history, migrations, policy, context.stage)
    there = already_there(executor, migrations, context)
    return Schedule(plan=_applied(executor.loader, history, migrations, policy, there))


def _unapplied(
    loader: MigrationLoader,
    history: History,
    migrations: Collection[Migration],
    policy: Policy,
    stage: Stage,
) -> Schedule:
    start = history.at(history.applied).schemas
    tracked_migrations = history.backwards(migrations)
    parents = history.edges(migrations, backwards=True)
    if stage is not Stage.PRE_DEPLOY:
        return Schedule(
            plan=plan_post_deploy(tracked_migrations, start, parents, policy)
        )
    plan = plan_pre_deploy(tracked_migrations, start, parents, policy)
    if not plan.blocked:
        return Schedule(plan=plan)
    stop = _waypoint(loader, history, tracked_migrations, start, parents, policy)
    return Schedule(plan=plan, waypoint=stop)


def _waypoint(
    loader: MigrationLoader,
    history: History,
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
) -> Waypoint | None:
    """Return where to stop first."""

    def is_blocked(keys: Collection[Key]) -> bool:
        some = [each for each in tracked_migrations if each.key in keys]
        return bool(plan_pre_deploy(some, start, parents, policy).blocked)

    keys = [each.key for each in tracked_migrations]
    return find_waypoint(loader.graph, history.applied, keys, is_blocked)


def _applied(
    loader: MigrationLoader,
    history: History,
    migrations: Collection[Migration],
    policy: Policy,
    there: Collection[Key],
) -> StagedPlan:
    tracker = history.at([*history.applied, *there])
    start = tracker.schemas
    tracked_migrations = history.forwards(tracker, migrations, there)
    parents = history.edges(migrations, backwards=False)
    held = held_migrations(loader, migrations)
    plan = plan_post_deploy(tracked_migrations, start, parents, policy, held)
    again = held_migrations(loader, migrations, _since(loader, plan))
    if again.keys() == held.keys():
        return plan
    return plan_post_deploy(tracked_migrations, start, parents, policy, again)


def _since(loader: MigrationLoader, plan: StagedPlan) -> dict[Key, datetime.datetime]:
    """Return since when migrations wait only for what is held and depends on them."""
    waits = [
        each.key for each in plan.deferred if each.until is None and not each.waits_for
    ]
    moments = {key: waits_since(loader, key) for key in waits}
    return {key: each for key, each in moments.items() if each is not None}


def already_there(
    executor: MigrationExecutor, migrations: Collection[Migration], context: RunContext
) -> list[Key]:
    """Return the migrations that --fake-initial would find applied."""
    if not context.fake_initial:
        return []
    return [
        (each.app_label, each.name)
        for each in migrations
        if executor.detect_soft_applied(None, each)[0]
    ]
