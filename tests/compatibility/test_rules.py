"""Each rule, by examples of what breaks it and of what does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import django
import pytest
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Coalesce, Lower
from django.db.models.lookups import GreaterThan

from syzygy_like.compatibility import RULES, errors, incompatibilities
from syzygy_like.schema import schema
from tests.support.vocabulary import Code
from tests.support.workload import exercise

since_django_61 = pytest.mark.skipif(
    django.VERSION < (6, 1), reason="Django 6.1 has on_delete for the database"
)


def state(*found: ModelState) -> ProjectState:
    result = ProjectState()
    for model in found:
        result.add_model(model)
    return result


def order(_options: dict | None = None, **fields: models.Field) -> ModelState:
    own = {"id": models.BigAutoField(primary_key=True), **fields}
    return ModelState("shop", "Order", list(own.items()), options=_options)


def keyed(**fields: models.Field) -> ModelState:
    """An order without the usual key."""
    return ModelState("shop", "Order", list(fields.items()))


def customer(**fields: models.Field) -> ModelState:
    own = {
        "id": models.BigAutoField(primary_key=True),
        "name": models.CharField(max_length=5, unique=True),
        **fields,
    }
    return ModelState("shop", "Customer", list(own.items()))


def rival(**fields: models.Field) -> ModelState:
    own = {"id": models.BigAutoField(primary_key=True), **fields}
    return ModelState("shop", "Rival", list(own.items()))


def constrained(*constraints, **fields: models.Field) -> ModelState:
    return order({"constraints": list(constraints)}, **fields)


def to(target="Customer", on_delete=models.CASCADE, **kwargs) -> models.Field:
    return models.ForeignKey(f"shop.{target}", on_delete, related_name="+", **kwargs)


def many() -> models.Field:
    return models.ManyToManyField("shop.Customer", related_name="+")


def integer(**kwargs) -> models.Field:
    return models.IntegerField(**kwargs)


def text(size: int = 10, **kwargs) -> models.Field:
    return models.CharField(max_length=size, **kwargs)


def generated(name: str = "price", other: int = 0) -> models.Field:
    return models.GeneratedField(
        expression=Coalesce(name, other),
        output_field=models.IntegerField(),
        db_persist=True,
    )


def one(*names: str, **kwargs) -> models.BaseConstraint:
    return models.UniqueConstraint(fields=names, name="one", **kwargs)


def check(**condition) -> models.BaseConstraint:
    return models.CheckConstraint(condition=models.Q(**condition), name="check")


def no_overlap() -> models.BaseConstraint:
    return ExclusionConstraint(name="no_overlap", expressions=[("period", "&&")])


class Trigger(models.BaseConstraint):
    """A constraint of a class that nobody has heard of."""

    def constraint_sql(self, model, schema_editor):
        return None

    def create_sql(self, model, schema_editor):
        return None

    def remove_sql(self, model, schema_editor):
        return None

    def validate(self, model, instance, exclude=None, using="default"):
        pass


def db_cascade():
    return models.DB_CASCADE


@dataclasses.dataclass(frozen=True)
class Example:
    """
    Models of the code and of the database. ``fails`` tells whether PostgreSQL lets
    such code fail each time; where it does not the rule is on the safe side. The rows
    are those of the models ``before``, by default of the database.
    """

    rule: str
    name: str
    code: Callable[[], list[ModelState]]
    database: Callable[[], list[ModelState]]
    fails: bool = True
    before: Callable[[], list[ModelState]] | None = None

    def schemas(self):
        several = (self.code, self.database, self.before)
        return [schema(state(*each())) for each in several if each]


def examples(*found: Example):
    return [
        pytest.param(
            each,
            id=f"{each.rule}: {each.name}",
            marks=[since_django_61] if "Django 6.1" in each.name else [],
        )
        for each in found
    ]


BROKEN = examples(
    Example("missing-table", "a new model", lambda: [order()], lambda: []),
    Example(
        "missing-table",
        "a new many-to-many field",
        lambda: [customer(), order(customers=many())],
        lambda: [customer(), order()],
    ),
    Example(
        "missing-table",
        "another db_table",
        lambda: [order({"db_table": "orders"})],
        lambda: [order()],
    ),
    Example(
        "missing-column",
        "a new field",
        lambda: [order(price=integer(null=True))],
        lambda: [order()],
    ),
    Example(
        "missing-column",
        "another db_column",
        lambda: [order(price=integer(null=True, db_column="cost"))],
        lambda: [order(price=integer(null=True))],
    ),
    Example(
        "missing-column",
        "a field that became a foreign key",
        lambda: [customer(), order(customer=to(null=True))],
        lambda: [customer(), order(customer=integer(null=True))],
    ),
    Example(
        "primary-key",
        "an id in place of a code",
        lambda: [order(code=text(unique=True))],
        lambda: [keyed(code=text(primary_key=True), id=models.BigIntegerField())],
    ),
    Example(
        "primary-key",
        "a composite key in place of an id",
        lambda: [
            keyed(pk=models.CompositePrimaryKey("a", "b"), a=integer(), b=integer())
        ],
        lambda: [order(a=integer(), b=integer())],
        fails=False,
    ),
    Example(
        "blocked-delete",
        "a foreign key that the code does not know",
        lambda: [customer(), order()],
        lambda: [customer(), order(customer=to(null=True))],
    ),
    Example(
        "blocked-delete",
        "a table that the code does not know",
        lambda: [customer()],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "blocked-delete",
        "a many-to-many field that the code does not know",
        lambda: [customer(), order()],
        lambda: [customer(), order(customers=many())],
    ),
    Example(
        "blocked-delete",
        "a foreign key that the code takes for a number",
        lambda: [customer(), order(customer_id=models.BigIntegerField())],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "blocked-delete",
        "rows that hold on to those that cascade, Django 6.1",
        lambda: [customer(), rival(), order(rival=to("Rival"))],
        lambda: [
            customer(),
            rival(customer=to(null=True, on_delete=db_cascade())),
            order(rival=to("Rival", on_delete=models.DO_NOTHING)),
        ],
    ),
    Example(
        "required-column",
        "a required field that the code does not know",
        lambda: [order()],
        lambda: [order(price=integer())],
    ),
    Example(
        "required-column",
        "a default of Python",
        lambda: [order()],
        lambda: [order(price=integer(default=0))],
    ),
    Example(
        "required-column",
        "order_with_respect_to",
        lambda: [customer(), order(customer=to())],
        lambda: [
            customer(),
            order({"order_with_respect_to": "customer"}, customer=to()),
        ],
    ),
    Example(
        "required-column",
        "a column that the code takes to be generated",
        lambda: [order(price=integer(), copy=generated())],
        lambda: [order(price=integer(), copy=integer())],
    ),
    Example(
        "null-rejected",
        "NULL no longer allowed",
        lambda: [order(price=integer(null=True))],
        lambda: [order(price=integer())],
    ),
    Example(
        "null-rejected",
        "a foreign key that is required",
        lambda: [customer(), order(customer=to(null=True))],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "missing-default",
        "no default in the database",
        lambda: [order(price=integer(db_default=0))],
        lambda: [order(price=integer())],
    ),
    Example(
        "missing-default",
        "NULL in place of a default",
        lambda: [order(price=integer(db_default=0))],
        lambda: [order(price=integer(null=True))],
        fails=False,
    ),
    Example(
        "missing-sequence",
        "keys that the database does not number",
        lambda: [order()],
        lambda: [keyed(id=models.BigIntegerField(primary_key=True))],
    ),
    Example(
        "generated-column",
        "a field that the database generates",
        lambda: [order(price=integer(), copy=integer())],
        lambda: [order(price=integer(), copy=generated())],
    ),
    Example(
        "other-type",
        "a text in place of a number",
        lambda: [order(price=integer())],
        lambda: [order(price=text())],
    ),
    Example(
        "other-type",
        "a date in place of a date and time",
        lambda: [order(at=models.DateTimeField())],
        lambda: [order(at=models.DateField())],
    ),
    Example(
        "other-type",
        "a custom field with values of its own",
        lambda: [order(code=text())],
        lambda: [order(code=Code(max_length=10))],
        fails=False,
    ),
    Example(
        "narrower-type",
        "a shorter text",
        lambda: [order(note=text(10))],
        lambda: [order(note=text(5))],
    ),
    Example(
        "narrower-type",
        "a text with a limit",
        lambda: [order(note=models.TextField())],
        lambda: [order(note=text(5))],
    ),
    Example(
        "narrower-type",
        "a smaller integer",
        lambda: [order(price=models.BigIntegerField())],
        lambda: [order(price=integer())],
    ),
    Example(
        "narrower-type",
        "a positive integer",
        lambda: [order(price=integer())],
        lambda: [order(price=models.PositiveIntegerField())],
    ),
    Example(
        "narrower-type",
        "fewer digits before the point",
        lambda: [order(price=models.DecimalField(max_digits=6, decimal_places=2))],
        lambda: [order(price=models.DecimalField(max_digits=6, decimal_places=3))],
    ),
    Example(
        "narrower-type",
        "fewer digits after the point",
        lambda: [order(price=models.DecimalField(max_digits=6, decimal_places=3))],
        lambda: [order(price=models.DecimalField(max_digits=8, decimal_places=2))],
    ),
    Example(
        "narrower-type",
        "a smaller target of a foreign key",
        lambda: [customer(), order(customer=to(db_constraint=False))],
        lambda: [
            customer(id=models.SmallAutoField(primary_key=True)),
            order(customer=to(db_constraint=False)),
        ],
    ),
    Example(
        "other-collation",
        "a collation that the code does not know",
        lambda: [order(note=text())],
        lambda: [order(note=text(db_collation="C"))],
        fails=False,
    ),
    Example(
        "foreign-key",
        "a number that became a foreign key",
        lambda: [customer(), order(customer_id=models.BigIntegerField())],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "foreign-key",
        "a foreign key that the database did not enforce",
        lambda: [customer(), order(customer=to(db_constraint=False))],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "foreign-key",
        "a foreign key to another table",
        lambda: [customer(), rival(), order(customer=to())],
        lambda: [customer(), rival(), order(customer=to("Rival"))],
    ),
    Example(
        "foreign-key",
        "a foreign key to another column",
        lambda: [
            customer(name=integer(unique=True), code=integer(unique=True)),
            order(customer=to(to_field="name")),
        ],
        lambda: [
            customer(name=integer(unique=True), code=integer(unique=True)),
            order(customer=to(to_field="code")),
        ],
    ),
    Example(
        "missing-cascade",
        "on_delete left to the database, Django 6.1",
        lambda: [customer(), order(customer=to(on_delete=db_cascade()))],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "stricter-unique",
        "a field that became unique",
        lambda: [order(price=integer())],
        lambda: [order(price=integer(unique=True))],
    ),
    Example(
        "stricter-unique",
        "a foreign key that became one-to-one",
        lambda: [customer(), order(customer=to())],
        lambda: [
            customer(),
            order(
                customer=models.OneToOneField(
                    "shop.Customer", models.CASCADE, related_name="+"
                )
            ),
        ],
    ),
    Example(
        "stricter-unique",
        "a new unique field with a constant default",
        lambda: [order()],
        lambda: [order(code=integer(db_default=0, unique=True))],
    ),
    Example(
        "stricter-unique",
        "fewer fields that are unique together",
        lambda: [constrained(one("a", "b"), a=integer(), b=integer())],
        lambda: [constrained(one("a"), a=integer(), b=integer())],
    ),
    Example(
        "stricter-unique",
        "a condition that is gone",
        lambda: [
            constrained(one("a", condition=models.Q(b=1)), a=integer(), b=integer())
        ],
        lambda: [constrained(one("a"), a=integer(), b=integer())],
    ),
    Example(
        "stricter-unique",
        "NULLs that are equal",
        lambda: [constrained(one("a"), a=integer(null=True))],
        lambda: [constrained(one("a", nulls_distinct=False), a=integer(null=True))],
    ),
    Example(
        "stricter-unique",
        "a new field whose NULLs are equal",
        lambda: [order()],
        lambda: [constrained(one("a", nulls_distinct=False), a=integer(null=True))],
    ),
    Example(
        "stricter-unique",
        "an expression",
        lambda: [order(note=text())],
        lambda: [
            constrained(models.UniqueConstraint(Lower("note"), name="one"), note=text())
        ],
    ),
    Example(
        "stricter-check",
        "a new check",
        lambda: [order(price=integer())],
        lambda: [constrained(check(price__gte=1), price=integer())],
    ),
    Example(
        "stricter-check",
        "a check on what is generated from other fields",
        lambda: [order(price=integer())],
        lambda: [constrained(check(copy__gte=1), price=integer(), copy=generated())],
    ),
    Example(
        "stricter-check",
        "a check that says NOT NULL where the code does not",
        lambda: [order(price=integer(null=True))],
        lambda: [constrained(check(price__isnull=False), price=integer(null=True))],
    ),
    Example(
        "stricter-check",
        "a check that the default of a new field does not pass",
        lambda: [order()],
        lambda: [constrained(check(price__gte=1), price=integer(db_default=0))],
    ),
    Example(
        "stricter-check",
        "a check on NULL by a function",
        lambda: [order()],
        lambda: [
            constrained(
                models.CheckConstraint(
                    condition=GreaterThan(Coalesce("price", 0), 0), name="check"
                ),
                price=integer(null=True),
            )
        ],
    ),
    Example(
        "stricter-check",
        "a new field that a check requires",
        lambda: [order()],
        lambda: [constrained(check(price__isnull=False), price=integer(null=True))],
    ),
    Example(
        "stricter-exclusion",
        "a new exclusion",
        lambda: [order(period=DateTimeRangeField())],
        lambda: [constrained(no_overlap(), period=DateTimeRangeField())],
    ),
    Example(
        "unknown-constraint",
        "a constraint of an unknown class",
        lambda: [order(price=integer())],
        lambda: [constrained(Trigger(name="trigger"), price=integer())],
        fails=False,
    ),
)

HAZARDS = examples(
    Example(
        "null-read",
        "NULL where the code expects none",
        lambda: [order(price=integer())],
        lambda: [order(price=integer(null=True))],
    ),
    Example(
        "computed-column",
        "a computed column that the code does not know",
        lambda: [order(price=integer())],
        lambda: [order(price=integer(), copy=generated())],
    ),
    Example(
        "protected-delete",
        "a new foreign key that protects",
        lambda: [customer(), order()],
        lambda: [customer(), order(customer=to(null=True, on_delete=models.PROTECT))],
        before=lambda: [customer(), order()],
    ),
    Example(
        "missing-unique",
        "an upsert by a constraint that is not there",
        lambda: [order(price=integer(unique=True))],
        lambda: [order(price=integer())],
    ),
    Example(
        "other-collation",
        "a collation that is not there",
        lambda: [order(note=text(db_collation="C"))],
        lambda: [order(note=text())],
    ),
)

KEPT = examples(
    Example("missing-table", "a model that is gone", lambda: [], lambda: [order()]),
    Example(
        "missing-table",
        "an unmanaged model",
        lambda: [order({"managed": False})],
        lambda: [],
    ),
    Example(
        "missing-column",
        "a field that is gone",
        lambda: [order()],
        lambda: [order(price=integer(null=True))],
    ),
    Example(
        "missing-column",
        "a field renamed with its column kept",
        lambda: [order(cost=integer(db_column="price"))],
        lambda: [order(price=integer())],
    ),
    Example(
        "primary-key",
        "a key renamed with its column kept",
        lambda: [keyed(number=models.BigAutoField(primary_key=True, db_column="id"))],
        lambda: [order()],
    ),
    Example(
        "blocked-delete",
        "a foreign key that the code knows",
        lambda: [customer(), order(customer=to())],
        lambda: [customer(), order(customer=to())],
    ),
    Example(
        "protected-delete",
        "a foreign key that protects and that the code knows",
        lambda: [customer(), order(customer=to())],
        lambda: [customer(), order(customer=to(on_delete=models.PROTECT))],
        before=lambda: [customer(), order()],
    ),
    Example(
        "blocked-delete",
        "a foreign key without a constraint",
        lambda: [customer(), order()],
        lambda: [customer(), order(customer=to(null=True, db_constraint=False))],
    ),
    Example(
        "blocked-delete",
        "a foreign key that cascades by itself, Django 6.1",
        lambda: [customer(), order()],
        lambda: [customer(), order(customer=to(null=True, on_delete=db_cascade()))],
    ),
    Example(
        "required-column",
        "an unknown field that may be NULL",
        lambda: [order()],
        lambda: [order(price=integer(null=True))],
    ),
    Example(
        "required-column",
        "an unknown field with a default of the database",
        lambda: [order()],
        lambda: [order(price=integer(db_default=0))],
    ),
    Example(
        "required-column",
        "an unknown generated field",
        lambda: [order(price=integer())],
        lambda: [order(price=integer(), copy=generated())],
    ),
    Example(
        "null-rejected",
        "NULL allowed by now",
        lambda: [order(price=integer())],
        lambda: [order(price=integer(null=True))],
    ),
    Example(
        "null-read",
        "NULL nowhere",
        lambda: [order(price=integer())],
        lambda: [order(price=integer())],
    ),
    Example(
        "missing-default",
        "another default in the database",
        lambda: [order(price=integer(db_default=0))],
        lambda: [order(price=integer(db_default=1))],
    ),
    Example(
        "missing-sequence",
        "keys that the code makes itself",
        lambda: [keyed(id=models.BigIntegerField(primary_key=True))],
        lambda: [order()],
    ),
    Example(
        "generated-column",
        "a field that both take to be generated",
        lambda: [order(price=integer(), copy=generated())],
        lambda: [order(price=integer(), copy=generated())],
    ),
    Example(
        "computed-column",
        "a column that both compute alike",
        lambda: [order(price=integer(), copy=generated())],
        lambda: [order(price=integer(), copy=generated())],
    ),
    Example(
        "other-type",
        "a text without a limit",
        lambda: [order(note=text())],
        lambda: [order(note=models.TextField())],
    ),
    Example(
        "narrower-type",
        "a longer text",
        lambda: [order(note=text(5))],
        lambda: [order(note=text(10))],
    ),
    Example(
        "narrower-type",
        "more digits on both sides of the point",
        lambda: [order(price=models.DecimalField(max_digits=4, decimal_places=2))],
        lambda: [order(price=models.DecimalField(max_digits=6, decimal_places=3))],
    ),
    Example(
        "other-collation",
        "the same collation",
        lambda: [order(note=text(db_collation="C"))],
        lambda: [order(note=text(db_collation="C"))],
    ),
    Example(
        "foreign-key",
        "a foreign key that the database no longer enforces",
        lambda: [customer(), order(customer=to())],
        lambda: [customer(), order(customer=to(db_constraint=False))],
    ),
    Example(
        "missing-cascade",
        "a cascade that the database does by itself by now, Django 6.1",
        lambda: [customer(), order(customer=to())],
        lambda: [customer(), order(customer=to(on_delete=db_cascade()))],
    ),
    Example(
        "stricter-unique",
        "a new unique field that may be NULL",
        lambda: [order()],
        lambda: [order(code=integer(null=True, unique=True))],
    ),
    Example(
        "stricter-unique",
        "unique together with a new field that may be NULL",
        lambda: [order(a=integer())],
        lambda: [constrained(one("a", "b"), a=integer(), b=integer(null=True))],
    ),
    Example(
        "stricter-unique",
        "more fields that are unique together",
        lambda: [constrained(one("a"), a=integer(), b=integer())],
        lambda: [constrained(one("a", "b"), a=integer(), b=integer())],
    ),
    Example(
        "stricter-unique",
        "a constraint of another name",
        lambda: [order(a=integer(unique=True))],
        lambda: [constrained(one("a"), a=integer())],
    ),
    Example(
        "stricter-check",
        "a check on a new field",
        lambda: [order()],
        lambda: [constrained(check(price__gte=1), price=integer(null=True))],
    ),
    Example(
        "stricter-check",
        "a check that says NOT NULL where the code does",
        lambda: [order(price=integer())],
        lambda: [constrained(check(price__isnull=False), price=integer())],
    ),
    Example(
        "stricter-check",
        "a check that the default of a new field passes",
        lambda: [order()],
        lambda: [constrained(check(price__gte=0), price=integer(db_default=0))],
    ),
    Example(
        "stricter-check",
        "a check that is gone",
        lambda: [constrained(check(price__gte=1), price=integer())],
        lambda: [order(price=integer())],
    ),
    Example(
        "stricter-exclusion",
        "an exclusion on a new field",
        lambda: [order()],
        lambda: [constrained(no_overlap(), period=DateTimeRangeField(null=True))],
    ),
    Example(
        "unknown-constraint",
        "an unknown constraint that the code has as well",
        lambda: [constrained(Trigger(name="trigger"), price=integer())],
        lambda: [constrained(Trigger(name="trigger"), price=integer())],
    ),
    Example(
        "missing-unique",
        "a constraint of another name",
        lambda: [order(a=integer(unique=True))],
        lambda: [constrained(one("a"), a=integer())],
    ),
)


def rules_of(parameters) -> set[str]:
    return {parameter.values[0].rule for parameter in parameters}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_examples(rule):
    assert rule in rules_of(BROKEN) | rules_of(HAZARDS)
    assert rule in rules_of(KEPT)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_says_what_breaks(rule):
    assert rule.what_breaks.endswith(".")


@pytest.mark.parametrize("example", BROKEN)
def test_what_breaks_a_rule_is_an_error(example):
    problems = errors(incompatibilities(*example.schemas()))
    assert example.rule in {problem.rule for problem in problems}


@pytest.mark.parametrize("example", HAZARDS)
def test_what_may_go_wrong_is_a_hazard(example):
    problems = incompatibilities(*example.schemas())
    assert example.rule in {problem.rule for problem in problems if problem.hazard}
    assert errors(problems) == []


@pytest.mark.parametrize("example", KEPT)
def test_what_keeps_a_rule_is_no_error(example):
    problems = incompatibilities(*example.schemas())
    assert example.rule not in {problem.rule for problem in problems}


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("example", BROKEN)
def test_code_that_breaks_a_rule_fails(database, example):
    failures = exercise(state(*example.code()), state(*example.database()), database)
    assert bool(list(failures)) == example.fails


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("example", [*HAZARDS, *KEPT])
def test_code_that_keeps_the_rules_runs(database, example):
    problems = incompatibilities(*example.schemas())
    assert errors(problems) == []
    code, other = state(*example.code()), state(*example.database())
    failing = {each.action for each in exercise(code, other, database)}
    protects = any(each.rule == "protected-delete" for each in problems)
    assert failing == ({"DELETE"} if protects else set())


def test_a_new_foreign_key_blocks_nothing_yet():
    code = schema(state(customer(), order()))
    database = schema(state(customer(), order(customer=to(null=True))))
    (problem,) = incompatibilities(code, database, before=code)
    assert problem.rule == "blocked-delete"
    assert problem.hazard


@pytest.mark.parametrize(
    "on_delete",
    [models.PROTECT, models.RESTRICT, models.DO_NOTHING, lambda *args: None],
)
def test_what_a_new_foreign_key_protects_is_a_hazard(on_delete):
    code = schema(state(customer(), order()))
    database = schema(state(customer(), order(customer=to(on_delete=on_delete))))
    found = incompatibilities(code, database, before=code)
    assert "protected-delete" in {each.rule for each in found if each.hazard}
    assert "blocked-delete" not in {each.rule for each in found}


@since_django_61
def test_rows_that_go_along_may_protect_what_they_go_with():
    code = schema(state(customer()))
    between = state(
        customer(),
        order(customer=to(on_delete=db_cascade())),
        rival(order=to("Order", on_delete=models.PROTECT)),
    )
    (problem,) = incompatibilities(code, schema(between), before=code)
    assert problem.rule == "protected-delete"
    assert problem.subject == "shop.Rival.order"
    assert problem.detail == "shop.Customer"


@since_django_61
def test_what_holds_on_is_found_where_only_what_cascades_has_changed():
    code = schema(state(customer()))
    between = state(
        customer(),
        order(customer=to(on_delete=db_cascade())),
        rival(order=to("Order")),
    )
    found = incompatibilities(code, schema(between), before=code, only=["shop_order"])
    assert {each.table for each in found} == {"shop_rival"}


def test_a_problem_names_its_field_in_the_words_of_the_models():
    code = schema(state(order(cost=integer(db_column="price"))))
    (problem,) = incompatibilities(code, schema(state(order())))
    assert problem.subject == "shop.Order.cost"
    assert (problem.table, problem.column) == ("shop_order", "price")


def test_only_the_tables_asked_for_are_compared():
    code = schema(state(customer(), order()))
    (problem,) = incompatibilities(code, schema(state()), only=["shop_order"])
    assert problem.table == "shop_order"
