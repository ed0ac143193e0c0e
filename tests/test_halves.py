"""What is put into the halves of a change beside what Django detects."""

from __future__ import annotations

from django.db import models
from django.db.migrations import AlterField, RunPython
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.bridge import bridge
from syzygy_like.release import Release
from syzygy_like.release.halves import halves


def state(**fields: models.Field) -> ProjectState:
    made = ProjectState()
    key = ("id", models.BigAutoField(primary_key=True))
    made.add_model(ModelState("shop", "Customer", [key]))
    made.add_model(ModelState("shop", "Order", [key, *fields.items()]))
    return made


def customer(**kwargs) -> models.Field:
    return models.ForeignKey("shop.customer", models.CASCADE, null=True, **kwargs)


def contract(old: ProjectState, new: ProjectState) -> list:
    _, last = halves(Release(old, new), bridge(old, new).state)
    return [operation for each in last["shop"] for operation in each.operations]


def test_rows_that_always_referred_to_nothing_are_left_to_people():
    old = state(customer=customer(db_constraint=False), price=models.IntegerField())
    new = state(customer=customer(), cents=models.IntegerField(default=0))
    operations = contract(old, new)
    assert any(isinstance(each, AlterField) for each in operations)
    assert not any(isinstance(each, RunPython) for each in operations)


def test_rows_whose_target_was_deleted_meanwhile_are_settled():
    new = state(customers=models.ManyToManyField("shop.customer"))
    first, *rest = contract(state(), new)
    assert first.code.name == "settle_order_customers"
    assert [type(each) for each in rest] == [AlterField]
