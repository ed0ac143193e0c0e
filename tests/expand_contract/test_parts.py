"""What is put into the parts of a change beside what Django detects."""

from __future__ import annotations

from django.db import models
from django.db.migrations import (
    AddField,
    AlterField,
    CreateModel,
    Migration,
    RenameField,
    RenameModel,
    RunPython,
)
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.expand_contract.bridge import bridge
from syzygy_like.expand_contract.change import ModelChange
from syzygy_like.expand_contract.parts import (
    detect,
    expand_and_contract,
    split_migration,
)
from syzygy_like.schema.database_defaults import DatabaseDefaults


def state(**fields: models.Field) -> ProjectState:
    made = ProjectState()
    key = ("id", models.BigAutoField(primary_key=True))
    made.add_model(ModelState("shop", "Customer", [key]))
    made.add_model(ModelState("shop", "Order", [key, *fields.items()]))
    return made


def customer(**kwargs) -> models.Field:
    return models.ForeignKey("shop.customer", models.CASCADE, null=True, **kwargs)


def contract(old: ProjectState, new: ProjectState) -> list:
    _, last = expand_and_contract(ModelChange(old, new), bridge(old, new).state)
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


def test_an_old_way_of_writing_unique_together_is_understood():
    old, new = state(price=models.IntegerField()), state(price=models.IntegerField())
    for each in (old, new):
        together = [["id", "price"]]  # as a rename leaves it
        each.models["shop", "order"].options["unique_together"] = together
    assert detect(old, new) == {}


def test_what_is_made_and_renamed_at_once_is_made_under_its_new_name():
    key = ("id", models.BigAutoField(primary_key=True))
    made = type("Migration", (Migration,), {})("0002", "shop")
    made.operations = [
        CreateModel("Note", [key, ("text", models.IntegerField())]),
        RenameField("note", "text", "body"),
        AddField("order", "text", models.IntegerField(null=True)),
        RenameField("order", "text", "body"),
        RenameModel("Order", "Purchase"),
    ]
    before = state(price=models.IntegerField())
    first, last = split_migration(made, before, DatabaseDefaults(), lambda model: True)
    assert not last
    after = before.clone()
    for each in first:
        each.state_forwards("shop", after)
    assert set(after.models["shop", "note"].fields) == {"id", "body"}
    assert set(after.models["shop", "purchase"].fields) == {"id", "price", "body"}
