"""One version's models at work: what is tried, and what is told of what fails."""

from __future__ import annotations

import pytest
from django.db import connections, models
from django.db.migrations.state import ModelState
from django.db.models import signals

from syzygy_like.rehearsal.workload.reading import spread
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import MOST_ROWS, Workload, new_failures
from tests.rehearsal.test_workload_rows import (
    KEY,
    FussyField,
    Rank,
    StrictField,
    model,
    state,
)
from tests.support.workload import build

ONE = models.OneToOneField("shop.Owner", models.CASCADE)
PARENT = models.ForeignKey("self", models.CASCADE, null=True)
MANY = models.ManyToManyField("shop.Owner")
CODE = models.CharField(max_length=20, unique=True)
PRICE = models.IntegerField(default=1)
POSITIVE = models.CheckConstraint(condition=models.Q(price__gte=-(2**31)), name="low")


def shop():
    """Return a state with relations of all kinds."""
    item = {"code": CODE, "price": PRICE, "owners": MANY, "worth": StrictField()}
    found = state(
        Owner=({"name": models.TextField(null=True)}, {}),
        Card=({"owner": ONE}, {}),
        Node=({"parent": PARENT}, {}),
        Item=(item, {"constraints": [POSITIVE]}),
        Alien=({"rank": models.IntegerField(choices=Rank)}, {}),
    )
    link = models.OneToOneField(
        "shop.Item", models.CASCADE, parent_link=True, primary_key=True
    )
    gift = {"item_ptr": link, "paper": models.TextField()}
    found.add_model(ModelState("shop", "Gift", gift, {}, ("shop.item",)))
    return found


def count(apps, name, alias):
    return model(apps, name).objects.using(alias).count()


@pytest.fixture
def apps(database):
    found = shop().apps
    build(found, database)
    return found


def execute(alias, sql):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)


def test_code_runs_on_its_own_database(apps, database):
    workload = Workload(apps, database)
    assert workload.own_rows(1) == []
    number = workload.write(1)
    assert workload.unwritten == []
    assert count(apps, "Owner", database) == 2
    assert workload.shared_rows(number) == []


def test_all_is_undone_but_what_is_written(apps, database):
    workload = Workload(apps, database)
    number = workload.write(1)
    before = [count(apps, each._meta.model_name, database) for each in workload.models]
    workload.own_rows(number)
    workload.shared_rows(number)
    after = [count(apps, each._meta.model_name, database) for each in workload.models]
    assert before == after


def test_many_rows_refer_to_each_other(apps, database):
    number = Workload(apps, database).write(1, rows=500)
    assert number > 500
    for name in ("Owner", "Card", "Node", "Item", "Gift", "Alien"):
        assert count(apps, name, database) >= 500, name
    through = model(apps, "Item").owners.through.objects.using(database)
    assert through.count() >= 500
    nodes = model(apps, "Node").objects.using(database)
    assert nodes.filter(parent=None).exists()
    assert nodes.exclude(parent=None).exists()


def test_rows_are_written_as_far_as_rules_allow(database):
    rank = models.IntegerField(choices=Rank, unique=True)
    few = models.CheckConstraint(condition=models.Q(size__lt=50), name="few")
    size = models.IntegerField(unique=True)
    apps = state(
        Medal=({"rank": rank}, {}), Ring=({"size": size}, {"constraints": [few]})
    ).apps
    build(apps, database)
    Workload(apps, database).write(1, rows=200)
    assert count(apps, "Medal", database) == 2
    assert 2 < count(apps, "Ring", database) < 50


def test_models_without_rows_are_named(database):
    apps = state(Item=({"country": FussyField(max_length=2)}, {}), Line=({}, {})).apps
    build(apps, database)
    workload = Workload(apps, database)
    workload.write(1)
    assert workload.unwritten == ["shop.Item"]
    assert workload.own_rows(1) == []


def test_a_failure_has_the_statement(apps, database):
    number = Workload(apps, database).write(1)
    execute(database, "ALTER TABLE shop_owner RENAME COLUMN name TO title")
    workload = Workload(apps, database)
    found = {
        each.action: each
        for each in workload.own_rows(number) + workload.shared_rows(number)
    }
    assert found["SELECT"].model.startswith("shop.")
    assert found["INSERT typical"].sql.startswith("INSERT INTO")
    assert found["SELECT"].sql.startswith("SELECT")
    assert all(each.sql for each in found.values())
    assert {"save", "DELETE", "relate"} & found.keys()


@pytest.mark.databases("sqlite", "postgresql")
def test_a_broken_deferred_constraint_has_the_last_statement_that_wrote(database):
    loose = models.ForeignKey("shop.Owner", models.DO_NOTHING, db_constraint=False)
    firm = models.ForeignKey("shop.Owner", models.CASCADE)
    build(state(Owner=({}, {}), Card=({"owner": firm}, {})).apps, database)
    workload = Workload(
        state(Owner=({}, {}), Card=({"owner": loose}, {})).apps, database
    )
    found = {each.action: each for each in workload.own_rows(1)}
    assert found["INSERT highest"].sql.startswith("INSERT INTO")


@pytest.mark.parametrize("more", [0, 1])
def test_rows_beside_others_have_each_value_of_yes_and_no(database, more):
    unique = state(Item=({"done": models.BooleanField(unique=True)}, {})).apps
    build(unique, database)
    number = Workload(unique, database).write(1, rows=1)
    workload = Workload(
        state(Item=({"done": models.BooleanField()}, {})).apps, database
    )
    failing = {each.action for each in workload.shared_rows(number + more)}
    assert "INSERT beside other rows" in failing


def test_one_field_is_changed_whatever_the_others_are_like(database):
    fields = {"country": FussyField(max_length=2, default="fr"), "size": PRICE}
    apps = state(Item=(fields, {})).apps
    build(apps, database)
    execute(database, "ALTER TABLE shop_item RENAME COLUMN size TO extent")
    failing = {each.action for each in Workload(apps, database).own_rows(1)}
    assert {"update size lowest", "save size highest"} <= failing


def test_only_what_is_wanted_is_tried(apps, database):
    execute(database, "ALTER TABLE shop_owner RENAME COLUMN name TO title")
    workload = Workload(apps, database)
    found = workload.own_rows(1, only={("shop.Owner", "INSERT sparse")})
    assert {(each.model, each.action) for each in found} == {
        ("shop.Owner", "INSERT sparse")
    }


def test_progress_is_told(apps, database):
    told = []
    Workload(apps, database, progress=told.append).own_rows(
        1, only={("shop.Item", "x")}
    )
    assert told == ["shop.Item"]


def test_the_focus_is_on_tables(apps, database):
    workload = Workload(apps, database, focus={"shop_card": None})
    assert workload.full == {model(apps, "Card")}
    assert workload.near == {model(apps, "Owner")}
    through = Workload(apps, database, focus={"shop_item_owners": None})
    assert model(apps, "Item") in through.full
    parents = Workload(apps, database, focus={"shop_item": None})
    assert model(apps, "Gift") in parents.full
    number = workload.write(1)
    assert workload.own_rows(number) + workload.shared_rows(number) == []


def test_other_models_are_tried_lightly(apps, database):
    number = Workload(apps, database).write(1)
    execute(database, "ALTER TABLE shop_node RENAME COLUMN parent_id TO other_id")
    workload = Workload(apps, database, focus={"shop_card": None})
    found = workload.own_rows(number) + workload.shared_rows(number)
    assert {each.model for each in found} == {"shop.Node"}
    actions = {"INSERT typical", "SELECT", "save", "DELETE"}
    assert {each.action for each in found} == actions


def test_a_few_rows_stand_for_many():
    assert spread(list(range(4)), MOST_ROWS) == [0, 1, 2, 3]
    assert spread(list(range(100)), MOST_ROWS) == [0, 19, 39, 59, 79, 99]
    assert spread(list(range(100)), 1) == [99]


def test_what_fails_as_usual_is_not_new():
    error = Exception()
    one = FailedAction("shop.Item", "save", error)
    two = FailedAction("shop.Item", "DELETE", error)
    usual = [FailedAction("shop.Item", "save", Exception("other"))]
    assert new_failures([one, two, two], usual) == [two]


def test_receivers_do_not_run(apps, database):
    called = []

    def receive(signal, **named):
        called.append(signal)

    for each in (signals.pre_save, signals.post_delete, signals.post_init):
        each.connect(receive)
    try:
        workload = Workload(apps, database)
        workload.shared_rows(workload.write(1))
        assert called == []
        model(apps, "Owner")()
        assert called == [signals.post_init]
    finally:
        for each in (signals.pre_save, signals.post_delete, signals.post_init):
            each.disconnect(receive)


def test_names_of_images_are_written_though_there_are_no_files(database):
    width = models.IntegerField(default=1)
    image = models.ImageField(width_field="width", upload_to="there")
    apps = state(Photo=({"image": image, "width": width}, {})).apps
    build(apps, database)
    workload = Workload(apps, database)
    assert workload.own_rows(1) + workload.shared_rows(workload.write(1)) == []


def test_a_table_that_is_gone_does_not_stop_the_rest(apps, database):
    other = state(Owner=({}, {}), Extra=({"id": KEY.clone()}, {})).apps
    workload = Workload(other, database)
    assert {each.model for each in workload.own_rows(1)} >= {"shop.Extra"}
