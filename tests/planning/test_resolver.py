"""Where the stage of a migration comes from, and what wins over what."""

from __future__ import annotations

import copy

import pytest
from django.db import migrations, models

from syzygy_like import Stage, StageSource
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.resolver import InvalidStageError, advance, resolve
from syzygy_like.schema import always
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.tracking import TrackedState, Tracker
from tests.support.projects import migration

PRE, POST, ANY, NONE = Stage.PRE_DEPLOY, Stage.POST_DEPLOY, Stage.ANY, Stage(0)
DECLARED, OVERRIDE = StageSource.DECLARED, StageSource.OVERRIDE
INFERRED, FALLBACK = StageSource.INFERRED, StageSource.FALLBACK

ADD = migrations.AddField("order", "cost", models.IntegerField(null=True))
ADD_REQUIRED = migrations.AddField("order", "total", models.IntegerField(default=0))
REMOVE = migrations.RemoveField("order", "price")
NOTHING = migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop)


def declaring(operation, stage):
    """Return an operation that says when it may run."""
    operation = copy.copy(operation)
    operation.stage = stage
    return operation


def tracker():
    key = ("id", models.BigAutoField(primary_key=True))
    fields = [key, ("price", models.IntegerField(null=True))]
    tracker = Tracker(TrackedState(), always)
    create = migrations.CreateModel("Order", fields)
    create.state_forwards("shop", tracker.state)
    tracker.assume_applied()
    return tracker


def resolved(*operations, policy=None, backwards=False, **attributes):
    """Return the stage of a migration and where it comes from."""
    tracked = tracker()
    schemas = tracked.schemas
    made = migration("shop", "0002_change", *operations, **attributes)
    step = Reader().read(tracked, made)
    if backwards:
        schemas, step = advance(schemas, step), step.reversed()
    resolution = resolve(step, schemas, policy or Policy())
    return resolution.stage, resolution.source


@pytest.mark.parametrize(
    ("operations", "stage"),
    [
        ([], ANY),
        ([ADD], PRE),
        ([REMOVE], POST),
        ([ADD_REQUIRED], NONE),
        ([ADD, REMOVE], NONE),
        ([NOTHING], ANY),
        ([ADD, NOTHING], PRE),
        ([NOTHING, REMOVE], POST),
        ([migrations.AlterModelOptions("order", {"ordering": ["price"]})], ANY),
    ],
)
def test_stages_are_inferred(operations, stage):
    assert resolved(*operations) == (stage, INFERRED)


def test_the_whole_migration_is_judged_not_each_operation():
    code = models.IntegerField(null=True)
    unique = models.UniqueConstraint(fields=["code"], name="code_once")
    operations = [
        migrations.AddField("order", "code", code),
        migrations.AddConstraint("order", unique),
    ]
    assert resolved(*operations) == (PRE, INFERRED)


POLICY = Policy(
    overrides={"shop": PRE},
    fallbacks={"shop": POST},
    third_party_fallback=ANY,
    is_third_party=lambda migration: True,
)


def test_an_override_wins_over_a_declaration():
    assert resolved(REMOVE, stage=ANY, policy=POLICY) == (PRE, OVERRIDE)


def test_a_declaration_wins_over_inference():
    assert resolved(REMOVE, stage=PRE) == (PRE, DECLARED)
    assert resolved(ADD_REQUIRED, stage=POST) == (POST, DECLARED)


def test_a_fallback_is_for_what_inference_finds_no_stage_for():
    policy = Policy(fallbacks={"shop": PRE})
    assert resolved(REMOVE, policy=policy) == (POST, INFERRED)
    assert resolved(ADD_REQUIRED, policy=policy) == (PRE, FALLBACK)
    assert resolved(ADD_REQUIRED, stage=POST, policy=policy) == (POST, DECLARED)


def test_a_projects_fallback_wins_over_the_one_for_third_parties():
    policy = Policy(fallbacks={"shop": POST}, is_third_party=lambda migration: True)
    assert resolved(ADD_REQUIRED, policy=policy) == (POST, FALLBACK)


def test_the_fallback_for_third_parties():
    policy = Policy(is_third_party=lambda migration: True)
    assert resolved(ADD_REQUIRED, policy=policy) == (PRE, FALLBACK)
    assert resolved(REMOVE, policy=policy) == (POST, INFERRED)
    policy = Policy(is_third_party=lambda migration: True, third_party_fallback=None)
    assert resolved(ADD_REQUIRED, policy=policy) == (NONE, INFERRED)


@pytest.mark.parametrize("setting", ["overrides", "fallbacks"])
def test_the_key_of_a_migration_wins_over_that_of_its_app(setting):
    stages = {"shop": PRE, "shop.0002_change": POST, "shop.0003": ANY}
    stage, _ = resolved(ADD_REQUIRED, policy=Policy(**{setting: stages}))
    assert stage is POST


def test_operations_declare_for_themselves():
    post_add = declaring(ADD, POST)
    assert resolved(post_add) == (POST, DECLARED)
    assert resolved(post_add, REMOVE) == (POST, INFERRED)
    assert resolved(declaring(NOTHING, PRE)) == (PRE, DECLARED)
    assert resolved(declaring(NOTHING, POST), ADD)[0] is NONE


def test_an_operation_that_fits_any_stage_goes_with_the_others():
    assert resolved(declaring(REMOVE, ANY), ADD) == (PRE, INFERRED)


def test_a_migration_declares_for_its_operations():
    assert resolved(declaring(ADD, POST), stage=PRE) == (PRE, DECLARED)


@pytest.mark.parametrize(
    ("operation", "stage"), [(ADD, POST), (REMOVE, PRE), (NOTHING, ANY)]
)
def test_going_back_swaps_inferred_stages(operation, stage):
    assert resolved(operation, backwards=True) == (stage, INFERRED)


@pytest.mark.parametrize(("said", "meant"), [(PRE, POST), (POST, PRE), (ANY, ANY)])
def test_going_back_swaps_stages_that_somebody_set(said, meant):
    assert resolved(NOTHING, stage=said, backwards=True) == (meant, DECLARED)
    policy = Policy(overrides={"shop": said})
    assert resolved(NOTHING, policy=policy, backwards=True) == (meant, OVERRIDE)
    policy = Policy(fallbacks={"shop": said})
    stage = resolved(ADD, REMOVE, policy=policy, backwards=True)
    assert stage == (meant, FALLBACK)
    operation = declaring(NOTHING, said)
    assert resolved(operation, backwards=True)[0] is meant


@pytest.mark.parametrize("value", ["pre_deploy", 1, Stage(0), True, [PRE]])
def test_what_is_no_stage_is_refused(value):
    with pytest.raises(InvalidStageError) as caught:
        resolved(ADD, stage=value)
    assert caught.value.value == value
    with pytest.raises(InvalidStageError) as caught:
        resolved(declaring(ADD, value))
    assert isinstance(caught.value.owner, migrations.AddField)


def test_none_is_as_good_as_nothing():
    assert resolved(ADD, stage=None) == (PRE, INFERRED)
    assert resolved(declaring(ADD, None)) == (PRE, INFERRED)


def test_a_stage_is_one_side_both_or_none():
    assert PRE | POST is ANY
    assert not NONE
    labels = [each.label for each in (PRE, POST, ANY, NONE)]
    assert labels == ["pre-deploy", "post-deploy", "any", "none"]
    assert [each.reverse for each in (PRE, POST, ANY, NONE)] == [POST, PRE, ANY, NONE]
