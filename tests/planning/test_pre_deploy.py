"""What is ready, deferred and blocked: laws of plans, and the cases they come from."""

from __future__ import annotations

import datetime

import pytest
from django.db import migrations, models
from hypothesis import given

from syzygy_like import Stage
from syzygy_like.compatibility import errors, incompatibilities
from syzygy_like.planning.messages.plans import reasons
from syzygy_like.planning.plan import Outcome
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.post_deploy import plan_post_deploy
from syzygy_like.planning.pre_deploy import plan_pre_deploy
from syzygy_like.planning.resolver import advance
from syzygy_like.schema import always
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.tracking import TrackedState, Tracker
from tests.support.projects import migration
from tests.support.releases import releases

READY, DEFERRED, BLOCKED = Outcome.READY, Outcome.DEFERRED, Outcome.BLOCKED


def tracker_after(applied):
    tracker = Tracker(TrackedState(), always)
    for each in applied:
        each.mutate_state(tracker.state, preserve=False)
    tracker.assume_applied()
    return tracker


def planned(plan, applied, pending, parents, policy=None, **options):
    """Return a plan, as the executor makes it."""
    tracker = tracker_after(applied)
    start = tracker.schemas
    steps = [Reader().read(tracker, each) for each in pending]
    return plan(steps, start, parents, policy or Policy(), **options)


def world_after(applied, pending):
    """Return the schemas after migrations that are taken from the applied state."""
    tracker = tracker_after(applied)
    schemas = tracker.schemas
    for each in pending:
        schemas = advance(schemas, Reader().read(tracker, each))
    return schemas


def pre(release, pending=None):
    pending = release.pending if pending is None else pending
    return planned(plan_pre_deploy, release.applied, pending, release.parents)


def migrations_of(planned_migrations):
    return [each.tracked.migration for each in planned_migrations]


def failures(code, database, before):
    return set(errors(incompatibilities(code, database, before=before)))


@given(releases())
def test_a_plan_is_partitioned_in_its_order(release):
    plan = pre(release)
    assert migrations_of(plan.planned_migrations) == release.pending
    parts = [*plan.ready, *plan.deferred, *plan.blocked]
    assert sorted(each.key for each in parts) == sorted(
        each.key for each in plan.planned_migrations
    )
    for part in (plan.ready, plan.deferred, plan.blocked):
        order = [release.pending.index(each.tracked.migration) for each in part]
        assert order == sorted(order)


@given(releases())
def test_what_is_ready_depends_on_nothing_that_waits(release):
    plan = pre(release)
    waiting = {each.key for each in [*plan.deferred, *plan.blocked]}
    for each in plan.ready:
        assert waiting.isdisjoint(release.parents[each.key])


@given(releases())
def test_planning_what_is_ready_again_changes_nothing(release):
    plan = pre(release)
    again = pre(release, migrations_of(plan.ready))
    assert migrations_of(again.ready) == migrations_of(plan.ready)
    assert not again.deferred
    assert not again.blocked


@given(releases())
def test_both_stages_add_up_to_the_whole(release):
    plan = pre(release)
    ready = migrations_of(plan.ready)
    rest = [each for each in release.pending if each not in ready]
    applied = [*release.applied, *ready]
    post = planned(plan_post_deploy, applied, rest, release.parents)
    if not plan.blocked:
        assert migrations_of(post.ready) == rest
    assert world_after(applied, rest) == world_after(release.applied, release.pending)


@given(releases())
def test_old_and_new_code_run_on_what_is_ready(release):
    plan = pre(release)
    start = world_after(release.applied, [])
    final = world_after(release.applied, release.pending)
    middle = start
    for each in plan.ready:
        middle = advance(middle, each.tracked)
        known = failures(start.code, start.database, start.database)
        assert failures(start.code, middle.database, start.database) <= known
    if not plan.blocked:
        unmet = failures(final.code, final.database, start.database)
        assert failures(final.code, middle.database, start.database) <= unmet


KEY = ("id", models.BigAutoField(primary_key=True))
INITIAL = migration(
    "shop",
    "0001",
    migrations.CreateModel("Order", [KEY, ("price", models.IntegerField(null=True))]),
)
ADD = migrations.AddField("order", "cost", models.IntegerField(null=True))
ADD_REQUIRED = migrations.AddField("order", "cost", models.IntegerField(default=0))
REMOVE = migrations.RemoveField("order", "price")


def outcomes(plan, *operations, policy=None, parents=None, **options):
    """Return what becomes of migrations that follow each other, an operation each."""
    pending = [
        each
        if isinstance(each, migrations.Migration)
        else migration("shop", f"{number:04}", each)
        for number, each in enumerate(operations, start=2)
    ]
    keys = [("shop", each.name) for each in [INITIAL, *pending]]
    parents = parents or dict(zip(keys[1:], [[key] for key in keys], strict=False))
    staged = planned(plan, [INITIAL], pending, parents, policy, **options)
    return [each.outcome for each in staged.planned_migrations]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([ADD], [READY]),
        ([REMOVE], [DEFERRED]),
        ([ADD_REQUIRED], [BLOCKED]),
        ([ADD, REMOVE], [READY, DEFERRED]),
        ([REMOVE, ADD], [DEFERRED, BLOCKED]),
        ([ADD, migrations.RemoveField("order", "cost")], [READY, READY]),
        ([ADD_REQUIRED, migrations.RemoveField("order", "cost")], [DEFERRED] * 2),
        ([migrations.RenameField("order", "price", "cost")], [BLOCKED]),
        ([migrations.RunPython(migrations.RunPython.noop)], [READY]),
        ([REMOVE, migrations.RunPython(migrations.RunPython.noop)], [DEFERRED] * 2),
    ],
)
def test_what_becomes_of_migrations_before_the_deploy(operations, expected):
    assert outcomes(plan_pre_deploy, *operations) == expected


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([REMOVE], [READY]),
        ([ADD], [BLOCKED]),
        ([REMOVE, ADD], [READY, BLOCKED]),
        ([ADD, migrations.RemoveField("order", "cost")], [READY, READY]),
        ([migrations.RunPython(migrations.RunPython.noop)], [READY]),
    ],
)
def test_what_becomes_of_migrations_after_the_deploy(operations, expected):
    assert outcomes(plan_post_deploy, *operations) == expected


def declared(operation, stage):
    return migration("shop", "0002", operation, stage=stage)


def test_who_declares_post_deploy_vouches_that_it_may_wait():
    tracked = declared(ADD, Stage.POST_DEPLOY)
    assert outcomes(plan_pre_deploy, tracked) == [DEFERRED]
    assert outcomes(plan_post_deploy, tracked) == [READY]


def test_who_declares_pre_deploy_vouches_that_the_old_code_bears_it():
    tracked = declared(REMOVE, Stage.PRE_DEPLOY)
    assert outcomes(plan_pre_deploy, tracked) == [READY]
    assert outcomes(plan_post_deploy, tracked) == [BLOCKED]


def test_an_override_places_what_fits_no_stage():
    policy = Policy(overrides={"shop.0002": Stage.PRE_DEPLOY})
    assert outcomes(plan_pre_deploy, ADD_REQUIRED, policy=policy) == [READY]
    policy = Policy(overrides={"shop": Stage.POST_DEPLOY})
    assert outcomes(plan_pre_deploy, ADD_REQUIRED, policy=policy) == [DEFERRED]
    assert outcomes(plan_post_deploy, ADD_REQUIRED, policy=policy) == [READY]


def test_a_fallback_places_only_what_fits_no_stage():
    policy = Policy(fallbacks={"shop": Stage.PRE_DEPLOY})
    expected = [READY, DEFERRED]
    assert outcomes(plan_pre_deploy, ADD_REQUIRED, REMOVE, policy=policy) == expected


def test_what_nobody_waits_for_goes_past_what_is_deferred():
    parents = {("shop", "0003"): [("shop", "0001")]}
    assert outcomes(plan_pre_deploy, REMOVE, ADD, parents=parents) == [DEFERRED, READY]


def test_what_is_held_holds_its_dependents():
    moment = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    held = {("shop", "0002"): moment}
    noop = migrations.RunPython(migrations.RunPython.noop)
    assert outcomes(plan_post_deploy, REMOVE, noop, held=held) == [DEFERRED] * 2


def test_the_new_code_must_not_need_what_is_held():
    moment = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    held = {("shop", "0002"): moment}
    assert outcomes(plan_post_deploy, ADD, held=held) == [BLOCKED]


@pytest.mark.parametrize("plan", [plan_pre_deploy, plan_post_deploy])
def test_what_breaks_the_new_code_until_it_is_taken_back_is_a_hazard(plan):
    pending = [
        migration("shop", "0002", ADD_REQUIRED),
        migration("shop", "0003", migrations.RemoveField("order", "cost")),
    ]
    parents = {("shop", "0003"): [("shop", "0002")]}
    staged = planned(plan, [INITIAL], pending, parents)
    first, second = staged.planned_migrations
    assert [each.rule for each in first.temporary_breaks] == ["required-column"]
    assert not second.temporary_breaks
    hazard = "hazard: until a later migration is applied, Order.cost: the new version"
    assert any(each.startswith(hazard) for each in reasons(first))


def test_a_model_that_moves_to_another_app_with_its_table_fits_any_stage():
    options = {"db_table": "shop_order"}
    fields = [KEY, ("price", models.IntegerField(null=True))]
    arrival = migrations.SeparateDatabaseAndState(
        state_operations=[migrations.CreateModel("Order", fields, options)]
    )
    departure = migrations.SeparateDatabaseAndState(
        state_operations=[migrations.DeleteModel("Order")]
    )
    pending = [
        migration("sales", "0001", arrival),
        migration("shop", "0002", departure),
        migration("sales", "0002", migrations.RemoveField("order", "price")),
    ]
    staged = planned(plan_pre_deploy, [INITIAL], pending, {})
    assert [each.resolution.stage for each in staged.planned_migrations] == [
        Stage.ANY,
        Stage.ANY,
        Stage.POST_DEPLOY,
    ]
    assert world_after([INITIAL], pending).code.tables.keys() == {"shop_order"}


@pytest.mark.parametrize(
    ("late", "early"),
    [
        (
            migrations.AlterField(
                "order", "price", models.IntegerField(null=True, unique=True)
            ),
            migrations.AlterField("order", "price", models.BigIntegerField(null=True)),
        ),
        (REMOVE, migrations.AddField("order", "price", models.TextField(null=True))),
    ],
)
def test_branches_that_do_not_commute_keep_their_order(late, early):
    pending = [migration("shop", "0002_b", late), migration("shop", "0002_a", early)]
    parents = {each: [("shop", "0001")] for each in (("shop", "0002_a"),)}
    staged = planned(plan_pre_deploy, [INITIAL], pending, parents)
    second = staged.planned_migrations[1]
    assert second.outcome is not READY
    assert second.waits_for == (("shop", "0002_b"),)


def test_what_has_to_run_before_the_deploy_is_blocked_behind_what_waits():
    noop = migrations.RunPython(migrations.RunPython.noop)
    fill = migration("shop", "0003", noop, stage=Stage.PRE_DEPLOY)
    assert outcomes(plan_pre_deploy, REMOVE, fill) == [DEFERRED, BLOCKED]
