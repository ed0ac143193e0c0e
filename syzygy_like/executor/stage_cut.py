"""Plans of Django's that are cut to a stage while no deploy is under way."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from syzygy_like.executor.itinerary import Plan, RunContext, is_backwards
from syzygy_like.planning import policy as policies
from syzygy_like.planning.delays import held_migrations, waits_since
from syzygy_like.planning.history import History, Key
from syzygy_like.planning.placing import Parents
from syzygy_like.planning.plan import StagedPlan, Waypoint
from syzygy_like.planning.planner import plan_post_deploy, plan_pre_deploy
from syzygy_like.planning.resolver import Policy
from syzygy_like.planning.waypoints import waypoint
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import Stage


def cut_to_stage(
    executor: MigrationExecutor, history: History, plan: Plan, context: RunContext
) -> StagedPlan:
    """
    Return the places of migrations that go back, or that follow a roll-out.

    What precedes one is a deploy, and planned as such.
    """
    context.plan = StagedPlan()
    if plan:
        migrations = [migration for migration, _ in plan]
        policy = policies.current(context.bridge)
        if is_backwards(plan):
            context.plan = _back(executor.loader, history, migrations, policy, context)
        else:
            there = already_there(executor, migrations, context)
            context.plan = _forth(executor.loader, history, migrations, policy, there)
    return context.plan


def _back(
    loader: MigrationLoader,
    history: History,
    migrations: Collection[Migration],
    policy: Policy,
    context: RunContext,
) -> StagedPlan:
    start = history.at(history.applied).schemas
    tracked_migrations = history.backwards(migrations)
    parents = history.edges(migrations, backwards=True)
    if context.stage is not Stage.PRE_DEPLOY:
        return plan_post_deploy(tracked_migrations, start, parents, policy)
    plan = plan_pre_deploy(tracked_migrations, start, parents, policy)
    if plan.blocked:
        context.waypoint = _waypoint(
            loader, history, tracked_migrations, start, parents, policy
        )
    return plan


def _waypoint(
    loader: MigrationLoader,
    history: History,
    tracked_migrations: Sequence[TrackedMigration],
    start: SchemaPair,
    parents: Parents,
    policy: Policy,
) -> Waypoint | None:
    """Return where to go back to first."""

    def is_blocked(keys: Collection[Key]) -> bool:
        part = [each for each in tracked_migrations if each.key in keys]
        return bool(plan_pre_deploy(part, start, parents, policy).blocked)

    keys = [each.key for each in tracked_migrations]
    return waypoint(loader.graph, history.applied, keys, is_blocked)


def _forth(
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
    """Return since when migrations wait only for what is held and follows them."""
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
