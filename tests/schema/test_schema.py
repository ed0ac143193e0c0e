"""What tables and columns the models of a state stand for."""

from __future__ import annotations

import django
import pytest
from django.contrib.postgres.fields import ArrayField, DateRangeField, HStoreField
from django.db import connections, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now, Upper

from syzygy_like.compatibility import errors, incompatibilities
from syzygy_like.schema import (
    ANYTHING,
    ColumnType,
    Constraint,
    Reference,
    always,
    schema,
)
from syzygy_like.schema.tracking import TrackedState, Tracker
from tests.support.vocabulary import Amount, Code
from tests.support.workload import build


class Point(models.Field):
    """A field with a type of its own."""

    def __init__(self, srid=0, **kwargs):
        self.srid = srid
        super().__init__(**kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "srid": self.srid}

    def db_type(self, connection):
        return "point"


class Labelled(models.Model):
    label = models.CharField(max_length=7)

    class Meta:
        abstract = True
        app_label = "shop"


def model(name: str, *, options=None, bases=(models.Model,), **fields) -> ModelState:
    return ModelState("shop", name, list(fields.items()), options, bases)


def tables(*found: ModelState, **kwargs):
    state = ProjectState()
    for each in found:
        state.add_model(each)
    return schema(state, **kwargs).tables


def table(name: str = "Order", **fields):
    (only,) = tables(model(name, **fields)).values()
    return only


def column(field: models.Field):
    return table(field=field).columns[field.db_column or "field"]


def key(**kwargs) -> models.Field:
    return models.BigAutoField(primary_key=True, **kwargs)


CUSTOMER = model("Customer", id=key(), code=models.CharField(max_length=9, unique=True))


def to(target="shop.Customer", on_delete=models.CASCADE, **kwargs) -> models.Field:
    return models.ForeignKey(target, on_delete, **kwargs)


BIG = ColumnType("integer", low=-(2**63), high=2**63 - 1)
INTEGER = ColumnType("integer", low=-(2**31), high=2**31 - 1)


def test_a_table_is_named_for_its_app_and_model():
    only = table("OrderLine", id=key())
    assert (only.name, only.label) == ("shop_orderline", "shop.OrderLine")


@pytest.mark.parametrize("db_table", ["orders", '"orders"'])
def test_a_table_may_have_a_name_of_its_own(db_table):
    assert list(tables(model("Order", options={"db_table": db_table}))) == ["orders"]


def test_django_adds_a_primary_key(settings):
    settings.DEFAULT_AUTO_FIELD = "django.db.models.SmallAutoField"
    only = table(note=models.TextField())
    assert only.primary_key == ("id",)
    assert only.columns["id"].auto
    assert only.columns["id"].type.high == 2**15 - 1


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (models.IntegerField(), INTEGER),
        (Amount(), INTEGER),
        (models.BigIntegerField(), BIG),
        (models.SmallIntegerField(), ColumnType("integer", -(2**15), 2**15 - 1)),
        (models.PositiveIntegerField(), ColumnType("integer", 0, 2**31 - 1)),
        (models.PositiveBigIntegerField(), ColumnType("integer", 0, 2**63 - 1)),
        (models.PositiveSmallIntegerField(), ColumnType("integer", 0, 2**15 - 1)),
        (models.CharField(max_length=5), ColumnType("text", size=5)),
        (models.SlugField(), ColumnType("text", size=50)),
        (models.EmailField(), ColumnType("text", size=254)),
        (models.URLField(), ColumnType("text", size=200)),
        (models.FileField(), ColumnType("text", size=100)),
        (models.ImageField(), ColumnType("text", size=100)),
        (models.FilePathField(), ColumnType("text", size=100)),
        (models.TextField(), ColumnType("text")),
        (models.TextField(max_length=5), ColumnType("text")),
        (
            models.DecimalField(max_digits=5, decimal_places=2),
            ColumnType("decimal", size=3, places=2),
        ),
        (models.BooleanField(), ColumnType("boolean")),
        (models.DateField(), ColumnType("date")),
        (models.DateTimeField(), ColumnType("datetime")),
        (models.TimeField(), ColumnType("time")),
        (models.DurationField(), ColumnType("duration")),
        (models.FloatField(), ColumnType("float")),
        (models.UUIDField(), ColumnType("uuid")),
        (models.JSONField(), ColumnType("json")),
        (models.BinaryField(), ColumnType("binary")),
        (models.GenericIPAddressField(), ColumnType("genericipaddress")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else "",
)
def test_the_type_of_a_field(field, expected):
    assert column(field).type == expected


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (models.CharField(max_length=5), "text(5)"),
        (models.TextField(), "text"),
        (models.SmallIntegerField(), "16-bit integer"),
        (models.DecimalField(max_digits=5, decimal_places=2), "decimal(5, 2)"),
        (ArrayField(models.CharField(max_length=5)), "array of text(5)"),
    ],
    ids=str,
)
def test_a_type_reads_well(field, text):
    assert str(column(field).type) == text


def test_an_array_has_the_type_of_its_items():
    short = column(ArrayField(models.CharField(max_length=5))).type
    long = column(ArrayField(models.CharField(max_length=9))).type
    numbers = column(ArrayField(models.IntegerField())).type
    assert long.holds(short)
    assert not short.holds(long)
    assert not long.same_kind(numbers)


@pytest.mark.parametrize("field", [HStoreField(), DateRangeField()], ids=str)
def test_fields_of_postgresql_are_types_of_their_own(field):
    mine, text = column(field).type, column(models.TextField()).type
    assert mine == column(field.clone()).type
    assert not mine.same_kind(text)


def test_a_custom_field_is_compared_by_its_arguments():
    assert column(Point()).type == column(Point(null=True, default="x")).type
    assert not column(Point(srid=1)).type.same_kind(column(Point(srid=2)).type)
    assert not column(Point()).type.same_kind(column(models.TextField()).type)


def test_a_field_with_values_of_its_own_is_no_plain_text():
    mine, text = column(Code(max_length=5)).type, column(models.CharField(max_length=5))
    assert not mine.same_kind(text.type)
    assert column(Code(max_length=9)).type.holds(mine)
    assert not mine.holds(column(Code(max_length=9)).type)


class Zone(models.Field):
    """Like the fields of packages that say what they are stored as."""

    def __init__(self, *args, backend=None, **kwargs):
        self.backend = backend
        super().__init__(*args, **kwargs, max_length=63)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, {**kwargs, "backend": self.backend}

    def get_internal_type(self):
        return "CharField"


def test_a_field_that_is_stored_as_another_is_of_its_type():
    mine, other = column(Zone()).type, column(Zone(backend="new")).type
    assert mine.same_kind(other)
    assert mine.arguments != other.arguments
    assert mine.size == 63


def test_what_makes_a_column():
    field = models.CharField(
        max_length=5, null=True, db_column="note", db_default="?", db_collation="C"
    )
    found = column(field)
    assert (found.name, found.field) == ("note", "field")
    assert found.null
    assert found.default.value == "?"
    assert found.collation == "C"
    assert found.omittable
    assert not found.starts_null


@pytest.mark.parametrize(
    ("field", "omittable"),
    [
        (models.IntegerField(), False),
        (models.IntegerField(default=1), False),
        (models.IntegerField(null=True), True),
        (models.IntegerField(db_default=1), True),
        (models.DateTimeField(db_default=Now()), True),
        (key(), True),
    ],
)
def test_what_an_insert_may_leave_out(field, omittable):
    assert column(field).omittable is omittable


@pytest.mark.skipif(django.VERSION < (6, 1), reason="UUID4 is of Django 6.1")
def test_a_default_that_never_repeats():
    from django.db.models.functions import UUID4

    assert column(models.UUIDField(db_default=UUID4())).default.unique
    assert not column(models.IntegerField(db_default=1)).default.unique


def test_a_generated_column():
    only = table(
        note=models.CharField(max_length=5),
        loud=models.GeneratedField(
            expression=Upper("note"),
            output_field=models.CharField(max_length=5),
            db_persist=True,
        ),
    )
    loud = only.columns["loud"]
    assert loud.generated
    assert loud.omittable
    assert loud.type == ColumnType("text", size=5)


def test_a_foreign_key():
    order = tables(CUSTOMER, model("Order", customer=to()))["shop_order"]
    assert order.columns["customer_id"].reference == Reference("shop_customer", "id")
    assert order.columns["customer_id"].type == BIG
    assert order.columns["customer_id"].field == "customer"


def test_a_foreign_key_to_another_field():
    order = tables(CUSTOMER, model("Order", customer=to(to_field="code")))["shop_order"]
    reference = order.columns["customer_id"].reference
    assert (reference.table, reference.column) == ("shop_customer", "code")
    assert order.columns["customer_id"].type == ColumnType("text", size=9)


def test_a_foreign_key_to_itself():
    only = table(id=key(db_column="number"), parent=to("self", null=True))
    assert only.columns["parent_id"].reference == Reference("shop_order", "number")


def test_a_foreign_key_to_another_app():
    author = ModelState("blog", "Author", [("id", models.AutoField(primary_key=True))])
    order = tables(author, model("Order", author=to("blog.Author")))["shop_order"]
    assert order.columns["author_id"].reference.table == "blog_author"
    assert order.columns["author_id"].type == INTEGER


def test_a_foreign_key_to_a_key_that_is_a_foreign_key():
    profile = model(
        "Profile",
        customer=models.OneToOneField(
            "shop.Customer", models.CASCADE, primary_key=True
        ),
    )
    found = tables(CUSTOMER, profile, model("Order", profile=to("shop.Profile")))
    reference = found["shop_order"].columns["profile_id"].reference
    assert (reference.table, reference.column) == ("shop_profile", "customer_id")
    assert found["shop_order"].columns["profile_id"].type == BIG


def test_a_foreign_key_to_an_app_without_migrations():
    order = table(user=to("legacy.User"))
    assert order.columns["user_id"].reference.table == "legacy_user"
    assert order.columns["user_id"].type == ANYTHING


def test_a_foreign_key_without_a_constraint():
    order = tables(CUSTOMER, model("Order", customer=to(db_constraint=False)))
    assert not order["shop_order"].columns["customer_id"].reference.constraint


@pytest.mark.skipif(django.VERSION < (6, 1), reason="on_delete is of Django 6.1")
def test_a_foreign_key_that_the_database_follows():
    order = model("Order", customer=to(on_delete=models.DB_CASCADE))
    found = tables(CUSTOMER, order)["shop_order"]
    assert found.columns["customer_id"].reference.on_delete == "CASCADE"


def test_a_one_to_one_field_is_unique():
    one = models.OneToOneField("shop.Customer", models.CASCADE)
    order = tables(CUSTOMER, model("Order", customer=one))["shop_order"]
    assert order.constraints == {Constraint("unique", frozenset({"customer_id"}))}


def test_a_many_to_many_field_is_a_table():
    many = models.ManyToManyField("shop.Customer")
    found = tables(CUSTOMER, model("Order", id=key(), customers=many))
    assert set(found["shop_order"].columns) == {"id"}
    between = found["shop_order_customers"]
    assert set(between.columns) == {"id", "order_id", "customer_id"}
    assert between.columns["customer_id"].reference == Reference("shop_customer", "id")
    pair = Constraint("unique", frozenset({"order_id", "customer_id"}))
    assert between.constraints == {pair}
    assert between.label == "shop.Order.customers"


def test_a_many_to_many_field_to_itself():
    friends = models.ManyToManyField("self", db_table="friends")
    found = tables(model("Customer", id=key(), friends=friends))["friends"]
    assert set(found.columns) == {"id", "from_customer_id", "to_customer_id"}


def test_a_many_to_many_field_through_a_model_is_no_table():
    many = models.ManyToManyField("shop.Customer", through="shop.Line")
    line = model("Line", order=to("shop.Order"), customer=to())
    found = tables(CUSTOMER, model("Order", customers=many), line)
    assert set(found) == {"shop_customer", "shop_order", "shop_line"}


def test_a_composite_primary_key():
    only = table(
        pk=models.CompositePrimaryKey("shop", "number"),
        shop=models.IntegerField(db_column="shop_number"),
        number=models.IntegerField(),
    )
    assert only.primary_key == ("shop_number", "number")
    assert set(only.columns) == {"shop_number", "number"}


def test_a_child_refers_to_its_parent():
    child = model("Gift", bases=("shop.customer",), note=models.TextField())
    gift = tables(CUSTOMER, child)["shop_gift"]
    assert set(gift.columns) == {"customer_ptr_id", "note"}
    assert gift.primary_key == ("customer_ptr_id",)
    reference = gift.columns["customer_ptr_id"].reference
    assert (reference.table, reference.column) == ("shop_customer", "id")


def test_a_foreign_key_to_a_child():
    gift = model("Gift", bases=("shop.customer",))
    order = tables(CUSTOMER, gift, model("Order", gift=to("shop.Gift")))["shop_order"]
    reference = order.columns["gift_id"].reference
    assert (reference.table, reference.column) == ("shop_gift", "customer_ptr_id")
    assert order.columns["gift_id"].type == BIG


def test_fields_of_an_abstract_base_are_columns():
    only = tables(model("Order", bases=(Labelled,)))["shop_order"]
    assert set(only.columns) == {"id", "label"}


def test_a_proxy_has_no_table():
    proxy = model("Vip", options={"proxy": True}, bases=("shop.customer",))
    found = tables(CUSTOMER, proxy, model("Order", vip=to("shop.Vip")))
    assert set(found) == {"shop_customer", "shop_order"}
    assert found["shop_order"].columns["vip_id"].reference.table == "shop_customer"


def test_the_table_of_an_unmanaged_model_is_not_looked_into():
    report = model("Report", options={"managed": False}, total=models.IntegerField())
    found = tables(report)["shop_report"]
    assert found.external
    assert found.columns == {}


def test_presence_leaves_models_out():
    found = tables(
        CUSTOMER,
        model("Order", options={"swappable": "SHOP_ORDER_MODEL"}),
        has_table=lambda each: "swappable" not in each.options,
    )
    assert set(found) == {"shop_customer"}


def test_order_with_respect_to_is_a_column():
    order = model("Order", options={"order_with_respect_to": "customer"}, customer=to())
    found = tables(CUSTOMER, order)["shop_order"]
    assert set(found.columns) == {"id", "customer_id", "_order"}
    assert not found.columns["_order"].omittable


def test_constraints_name_columns():
    order = model(
        "Order",
        options={
            "unique_together": {("customer", "number")},
            "constraints": [
                models.UniqueConstraint(fields=["number"], name="one"),
                models.CheckConstraint(condition=models.Q(number__gt=0), name="some"),
            ],
        },
        customer=to(),
        number=models.IntegerField(db_column="no"),
    )
    found = tables(CUSTOMER, order)["shop_order"]
    unique = {each.columns for each in found.of_kind("unique")}
    assert unique == {frozenset({"no"}), frozenset({"customer_id", "no"})}
    (check,) = found.of_kind("check")
    assert check.columns == {"no"}


def test_indexes_and_comments_make_no_difference():
    plain = model("Order", number=models.IntegerField())
    adorned = model(
        "Order",
        options={
            "indexes": [models.Index(fields=["number"], name="numbers")],
            "ordering": ["number"],
            "verbose_name": "purchase",
            "db_table_comment": "A purchase",
        },
        number=models.IntegerField(
            db_index=True, db_comment="No.", help_text="?", choices=[(1, "one")]
        ),
    )
    assert tables(plain) == tables(adorned)


EVERYTHING = [
    CUSTOMER,
    model("Gift", bases=("shop.customer",), note=models.TextField()),
    model(
        "Order",
        options={"order_with_respect_to": "customer", "db_table": "orders"},
        number=models.IntegerField(db_column="no"),
        customer=to(),
        gift=to("shop.Gift", null=True, related_name="+"),
        parent=to("self", null=True),
        customers=models.ManyToManyField("shop.Customer", related_name="+"),
        others=models.ManyToManyField("self"),
        line=models.ManyToManyField("shop.Customer", through="shop.Line"),
    ),
    model("Line", order=to("shop.Order", related_name="+"), customer=to(db_column="c")),
    model(
        "Stock",
        pk=models.CompositePrimaryKey("shop", "number"),
        shop=models.IntegerField(),
        number=models.IntegerField(),
    ),
]


def test_the_database_has_the_same_tables_and_columns(database):
    state = ProjectState()
    for each in EVERYTHING:
        state.add_model(each.clone())
    expected = schema(state).tables
    build(state.apps, database)
    connection = connections[database]
    with connection.cursor() as cursor:
        assert set(connection.introspection.table_names(cursor)) == set(expected)
        for name, found in expected.items():
            described = connection.introspection.get_table_description(cursor, name)
            assert {each.name for each in described} == set(found.columns)
            key = connection.introspection.get_primary_key_columns(cursor, name)
            assert set(key) == set(found.primary_key)


def test_a_unique_constraint_that_some_databases_leave_out_implies_no_other():
    covering = models.UniqueConstraint(fields=["name"], include=["id"], name="u")
    key = ("id", models.BigAutoField(primary_key=True))
    fields = [key, ("name", models.CharField(max_length=9))]
    tables = []
    for options, unique in (({"constraints": [covering]}, False), ({}, True)):
        own = [key, ("name", models.CharField(max_length=9, unique=unique))]
        state = ProjectState()
        state.add_model(ModelState("shop", "Order", own if unique else fields, options))
        tables.append(schema(state))
    assert {each.rule for each in errors(incompatibilities(*tables))} == {
        "stricter-unique"
    }


@pytest.mark.parametrize("app_label", ["report", "stats"])
def test_an_unmanaged_model_does_not_hide_the_table_of_another(app_label):
    key = ("id", models.BigAutoField(primary_key=True))
    view = {"managed": False, "db_table": "shop_order"}
    state = TrackedState()
    state.add_model(ModelState("shop", "Order", [key]))
    state.add_model(ModelState(app_label, "Row", [key], view))
    tracker = Tracker(state, always)
    tracker.assume_applied()
    for found in (tracker.schemas.code, schema(state)):
        assert not found.tables["shop_order"].external
