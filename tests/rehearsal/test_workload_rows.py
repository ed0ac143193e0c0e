"""Rows that are valid by construction, for the fields of any package."""

from __future__ import annotations

import dataclasses

import pytest
from django.db import connection, connections, models
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.rehearsal.workload import values
from syzygy_like.rehearsal.workload.reading import WrongReadError, read_back, search
from syzygy_like.rehearsal.workload.rows import (
    Rows,
    UnsuitableError,
    lowest,
    sparse,
    tables,
    typical,
)
from tests.support.workload import build

KEY = models.BigAutoField(primary_key=True)


class Size(models.TextChoices):
    SMALL = "s", "Small"
    LARGE = "l", "Large"


class Rank(models.IntegerChoices):
    FIRST = 1
    SECOND = 2


FLAT = [("a", "A"), ("b", "B")]
GROUPED = [("Letters", [("a", "A"), ("b", "B")]), ("c", "C")]


@dataclasses.dataclass(frozen=True)
class Money:
    amount: int


class StrictField(models.IntegerField):
    """Takes values of its own class only."""

    def to_python(self, value):
        return value if isinstance(value, Money) else Money(int(value))

    def from_db_value(self, value, expression, connection):
        return None if value is None else Money(value)

    def get_prep_value(self, value):
        return None if value is None else value.amount


class TagsField(models.TextField):
    """Reads lists, empty ones where there is nothing, and takes no look at them."""

    def to_python(self, value):
        return value if isinstance(value, list) else (value or "").split()

    def from_db_value(self, value, expression, connection):
        return self.to_python(value)

    def get_prep_value(self, value):
        return None if value is None else " ".join(value)

    def get_lookup(self, lookup_name):
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise NotImplementedError(lookup_name)


class FussyField(models.CharField):
    """Takes codes of countries."""

    def to_python(self, value):
        if value not in ("de", "fr", None):
            raise ValueError(value)
        return value

    def get_prep_value(self, value):
        return self.to_python(value)


def state(**several):
    """Return a state with models of an app, each by its fields."""
    found = ProjectState()
    for name, (fields, options) in several.items():
        found.add_model(
            ModelState("shop", name, {"id": KEY.clone(), **fields}, options)
        )
    return found


def model(apps, name):
    return apps.get_model("shop", name)


@pytest.fixture
def made(database):
    """Return a function that makes tables and returns rows and apps."""

    def make(**several):
        found = state(**several).apps
        build(found, database)
        return Rows(database), found

    return make


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (FLAT, ["a", "b"]),
        (GROUPED, ["a", "b", "c"]),
        (Size, ["s", "l"]),
        (Size.choices, ["s", "l"]),
        (lambda: FLAT, ["a", "b"]),
        ([(None, "None"), *FLAT], ["a", "b"]),
    ],
)
def test_values_are_among_the_choices(choices, expected):
    field = models.CharField(max_length=9, choices=choices)
    assert values.choices(field) == expected
    assert values.lowest(field, 7) == expected[0]
    assert values.highest(field, 7) == expected[-1]
    numbered = [values.typical(field, number) for number in range(len(expected))]
    assert numbered == expected


def test_choices_may_be_numbers():
    field = models.IntegerField(choices=Rank)
    assert [values.typical(field, number) for number in (2, 3)] == [1, 2]


def test_a_field_without_choices_has_values_by_number():
    field = models.CharField(max_length=9)
    assert [values.typical(field, number) for number in (7, 8)] == ["7", "8"]


def test_texts_are_as_long_as_they_may_be():
    field = models.CharField(max_length=3)
    assert values.typical(field, 1234) == "234"
    assert values.highest(field, 1234) == "ééé"


def test_decimals_have_all_their_digits():
    field = models.DecimalField(max_digits=30, decimal_places=6)
    assert str(values.highest(field, 7)) == f"{24 * '9'}.999999"
    assert str(values.lowest(field, 7)) == f"-{24 * '9'}.999999"


def test_a_value_is_what_the_field_makes_of_it():
    assert values.accepted(StrictField(), 7, connection) == Money(7)


def test_a_field_that_takes_no_such_value_has_its_default():
    field = FussyField(max_length=2, default="fr")
    assert values.accepted(field, "7", connection) == "fr"
    with pytest.raises(values.NoValueError):
        values.accepted(FussyField(max_length=2), "7", connection)


def test_a_field_of_a_package_has_its_default_for_others_may_mean_nothing():
    field = TagsField(default=["web"])
    assert values.typical(field, 7) == ["web"]
    assert not values.varies(field)
    assert values.typical(TagsField(default=["web"], unique=True), 7) == "7"
    assert values.typical(TagsField(), 7) == "7"


def test_fields_of_packages_are_written_and_read(made):
    country = FussyField(max_length=2, null=True)
    rows, apps = made(Item=({"price": StrictField(), "country": country}, {}))
    row = rows.create(model(apps, "Item"))
    row.refresh_from_db(using=rows.alias)
    assert isinstance(row.price, Money)
    assert row.country is None


def test_values_that_a_field_writes_for_others_are_no_wrong_reads(made):
    fields = {
        "picture": models.FileField(null=True),
        "tags": TagsField(null=True),
    }
    rows, apps = made(Item=(fields, {}))
    read_back(rows, rows.create(model(apps, "Item"), sparse))


def test_wrong_reads_are_told(made):
    rows, apps = made(Item=({"country": models.CharField(max_length=9)}, {}))
    row = rows.create(model(apps, "Item"))
    row.country = "de"
    with pytest.raises(WrongReadError):
        read_back(rows, row)


def test_columns_are_searched_as_far_as_their_fields_allow(made):
    rows, apps = made(Item=({"tags": TagsField()}, {}))
    item = model(apps, "Item")
    with pytest.raises(UnsuitableError):
        search(rows, item, item._meta.get_field("tags"))


@pytest.mark.databases("postgresql")
def test_search_vectors_are_written_and_read(made):
    from django.contrib.postgres.search import SearchVectorField

    rows, apps = made(Item=({"words": SearchVectorField()}, {}))
    for fill in (typical, lowest):
        row = rows.create(model(apps, "Item"), fill)
        read_back(rows, row)


def test_a_model_without_values_has_no_rows(made):
    rows, apps = made(Item=({"country": FussyField(max_length=2)}, {}))
    with pytest.raises(UnsuitableError):
        rows.create(model(apps, "Item"))


def test_references_are_made_once_for_each_row(made):
    one = models.OneToOneField("shop.Owner", models.CASCADE)
    rows, apps = made(Owner=({}, {}), Card=({"owner": one}, {}))
    first, second = (rows.create(model(apps, "Card")) for _ in range(2))
    assert first.owner_id != second.owner_id


def test_references_in_a_circle_end_where_they_may_be_empty(made):
    to_next = models.ForeignKey("shop.Second", models.CASCADE, null=True)
    back = models.ForeignKey("shop.First", models.CASCADE)
    rows, apps = made(First=({"second": to_next}, {}), Second=({"first": back}, {}))
    row = rows.create(model(apps, "First"))
    assert row.second.first.second is None
    assert rows.create(model(apps, "First"), sparse).second is None


def test_a_reference_to_its_own_table_may_be_empty(made):
    parent = models.ForeignKey("self", models.CASCADE, null=True)
    rows, apps = made(Node=({"parent": parent}, {}))
    assert rows.create(model(apps, "Node")).parent.parent is None


def test_rules_of_the_code_are_kept(made):
    check = models.CheckConstraint(condition=models.Q(count__lt=3), name="few")
    count = models.IntegerField(unique=True)
    rows, apps = made(Item=({"count": count}, {"constraints": [check]}))
    for _ in range(2):
        rows.create(model(apps, "Item"), typical)
    with pytest.raises(UnsuitableError):
        rows.create(model(apps, "Item"), typical)


def test_only_models_that_migrations_make_tables_of_are_used(made, database):
    _, apps = made(
        Item=({}, {}),
        View=({}, {"managed": False}),
        Vendor=({}, {"required_db_vendor": "oracle"}),
    )
    assert tables(apps, database) == [model(apps, "Item")]


class Nowhere:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return model_name != "item"


def test_models_that_a_router_keeps_away_are_not_used(settings):
    apps = state(Item=({}, {}), Line=({}, {})).apps
    settings.DATABASE_ROUTERS = [Nowhere()]
    assert tables(apps, connections["default"].alias) == [model(apps, "Line")]


@pytest.mark.databases("postgresql", "sqlite")
def test_composite_keys_are_filled_in(made):
    if not hasattr(models, "CompositePrimaryKey"):
        pytest.skip("Django has no composite keys")
    fields = {
        "id": models.CompositePrimaryKey("tenant", "number"),
        "tenant": models.IntegerField(),
        "number": models.IntegerField(),
    }
    rows, apps = made(Item=(fields, {}))
    assert all(rows.create(model(apps, "Item")).pk)
