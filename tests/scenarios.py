"""
The catalogue of changes: what each one needs of the roll-out, and why.

It is data, for the tests and for the documentation. ``breaks`` are the rules that
the old version breaks once the migration has run, ``lacks`` those that the new version
breaks before it has.
"""

from __future__ import annotations

import dataclasses

from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Lower

from syzygy_like.stages import Stage

NONE = Stage(0)
PRE, POST, ANY = Stage.PRE_DEPLOY, Stage.POST_DEPLOY, Stage.ANY


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A migration in a small shop, and the stage that it belongs to."""

    name: str
    title: str
    operations: list[Operation]
    stage: Stage
    why: str
    before: list[Operation] = dataclasses.field(default_factory=list)
    breaks: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    app_label: str = "shop"
    backfill: bool = False  # rows that exist have to be changed first

    def __str__(self) -> str:
        return self.name


def key() -> tuple[str, models.Field]:
    return "id", models.BigAutoField(primary_key=True)


def customer() -> Operation:
    return migrations.CreateModel(
        "Customer", [key(), ("name", models.CharField(max_length=20))]
    )


def order(**fields: models.Field) -> Operation:
    return migrations.CreateModel("Order", [key(), *fields.items()])


def to_customer(on_delete=models.CASCADE, **kwargs) -> models.Field:
    return models.ForeignKey("shop.Customer", on_delete, related_name="+", **kwargs)


def many_customers() -> models.Field:
    return models.ManyToManyField("shop.Customer", related_name="+")


def integer(**kwargs) -> models.Field:
    return models.IntegerField(**kwargs)


def text(size: int = 20, **kwargs) -> models.Field:
    return models.CharField(max_length=size, **kwargs)


def add(name: str, field: models.Field) -> Operation:
    return migrations.AddField("order", name, field)


def remove(name: str) -> Operation:
    return migrations.RemoveField("order", name)


def alter(name: str, field: models.Field) -> Operation:
    return migrations.AlterField("order", name, field)


def constrain(constraint: models.BaseConstraint) -> Operation:
    return migrations.AddConstraint("order", constraint)


def scenario(
    name: str,
    title: str,
    before: list[Operation],
    operations: list[Operation],
    stage: Stage,
    why: str,
    breaks: str = "",
    lacks: str = "",
    app_label: str = "shop",
    backfill: bool = False,
) -> Scenario:
    return Scenario(
        name,
        title,
        operations,
        stage,
        why,
        before,
        frozenset(breaks.split()),
        frozenset(lacks.split()),
        app_label,
        backfill,
    )


POSITIVE = models.CheckConstraint(condition=models.Q(price__gte=1), name="positive")
ONE_PRICE = models.UniqueConstraint(fields=["price"], name="one_price")
TABLE = migrations.SeparateDatabaseAndState

SCENARIOS = [
    # What is added
    scenario(
        "add-nullable-field",
        "Add a field that may be NULL",
        [order()],
        [add("note", text(null=True))],
        PRE,
        "The old version leaves the column NULL; the new version reads and writes it.",
        lacks="missing-column",
    ),
    scenario(
        "add-field-with-db-default",
        "Add a required field with a default of the database",
        [order()],
        [add("price", integer(db_default=0))],
        PRE,
        "The database fills in what the old version leaves out.",
        lacks="missing-column",
    ),
    scenario(
        "add-required-field",
        "Add a required field",
        [order()],
        [add("price", integer(default=0))],
        NONE,
        "Django drops Field.default from the column: the old version's INSERT fails.",
        breaks="required-column",
        lacks="missing-column",
    ),
    scenario(
        "add-generated-field",
        "Add a generated field",
        [order(price=integer())],
        [
            add(
                "twice",
                models.GeneratedField(
                    expression=models.F("price"),
                    output_field=models.IntegerField(),
                    db_persist=True,
                ),
            )
        ],
        PRE,
        "The database computes the column whichever version writes the row.",
        lacks="missing-column",
    ),
    scenario(
        "add-model",
        "Add a model",
        [customer()],
        [order(price=integer())],
        PRE,
        "The old version knows nothing of the table.",
        lacks="missing-table",
    ),
    scenario(
        "add-model-with-foreign-key",
        "Add a model that refers to an existing one",
        [customer()],
        [order(customer=to_customer())],
        PRE,
        "No row of the table exists yet that could block a DELETE of the old version.",
        lacks="missing-table",
    ),
    scenario(
        "add-many-to-many",
        "Add a many-to-many field",
        [customer(), order()],
        [add("customers", many_customers())],
        PRE,
        "Its table is one that the old version knows nothing of.",
        lacks="missing-table",
    ),
    scenario(
        "add-nullable-foreign-key",
        "Add a foreign key that may be NULL",
        [customer(), order()],
        [add("customer", to_customer(null=True))],
        PRE,
        "The old version leaves it NULL, and no row refers to anything yet.",
        lacks="missing-column",
    ),
    scenario(
        "add-child-model",
        "Add a model that inherits from an existing one",
        [order()],
        [
            migrations.CreateModel(
                "Gift",
                [
                    (
                        "order_ptr",
                        models.OneToOneField(
                            "shop.Order",
                            models.CASCADE,
                            parent_link=True,
                            primary_key=True,
                        ),
                    ),
                    ("message", text()),
                ],
                bases=("shop.order",),
            )
        ],
        PRE,
        "The child's table is new; the parent's stays as it is.",
        lacks="missing-table",
    ),
    scenario(
        "add-order-with-respect-to",
        "Order a model with respect to another one",
        [customer(), order(customer=to_customer())],
        [migrations.AlterOrderWithRespectTo("order", "customer")],
        NONE,
        "The column _order is NOT NULL, and the old version knows nothing of it.",
        breaks="required-column",
        lacks="missing-column",
    ),
    # What is removed
    scenario(
        "remove-nullable-field",
        "Remove a field that may be NULL",
        [order(note=text(null=True))],
        [remove("note")],
        POST,
        "The old version still names the column; the new version leaves it NULL.",
        breaks="missing-column",
    ),
    scenario(
        "remove-field-with-db-default",
        "Remove a required field with a default of the database",
        [order(price=integer(db_default=0))],
        [remove("price")],
        POST,
        "Until the column goes the database fills it in for the new version.",
        breaks="missing-column",
    ),
    scenario(
        "remove-required-field",
        "Remove a required field",
        [order(price=integer())],
        [remove("price")],
        NONE,
        "The old version still reads it, and the new version's INSERT leaves it out.",
        breaks="missing-column",
        lacks="required-column",
    ),
    scenario(
        "remove-model",
        "Remove a model",
        [customer(), order(price=integer())],
        [migrations.DeleteModel("order")],
        POST,
        "The old version still reads and writes the table; the new version does not.",
        breaks="missing-table",
    ),
    scenario(
        "remove-model-with-foreign-key",
        "Remove a model that refers to another one",
        [customer(), order(customer=to_customer())],
        [migrations.DeleteModel("order")],
        NONE,
        "Its rows keep the new version from deleting the rows that they refer to.",
        breaks="missing-table",
        lacks="blocked-delete",
    ),
    scenario(
        "remove-model-without-constraint",
        "Remove a model whose foreign key has no constraint",
        [customer(), order(customer=to_customer(db_constraint=False))],
        [migrations.DeleteModel("order")],
        POST,
        "Nothing in the database ties its rows to those that they refer to.",
        breaks="missing-table",
    ),
    scenario(
        "remove-many-to-many",
        "Remove a many-to-many field",
        [customer(), order(customers=many_customers())],
        [remove("customers")],
        NONE,
        "The rows of its table keep the new version from deleting either end.",
        breaks="missing-table",
        lacks="blocked-delete",
    ),
    scenario(
        "remove-foreign-key",
        "Remove a foreign key",
        [customer(), order(customer=to_customer(null=True))],
        [remove("customer")],
        NONE,
        "Rows that refer keep the new version, which does not see them, from deleting.",
        breaks="missing-column",
        lacks="blocked-delete",
    ),
    scenario(
        "remove-foreign-key-without-constraint",
        "Remove a foreign key that has no constraint",
        [customer(), order(customer=to_customer(null=True, db_constraint=False))],
        [remove("customer")],
        POST,
        "The column is like any other that may be NULL.",
        breaks="missing-column",
    ),
    # NULL, types and defaults
    scenario(
        "require-value",
        "Forbid NULL",
        [order(price=integer(null=True))],
        [alter("price", integer())],
        POST,
        "The old version still writes NULL.",
        breaks="null-rejected",
    ),
    scenario(
        "allow-null",
        "Allow NULL",
        [order(price=integer())],
        [alter("price", integer(null=True))],
        PRE,
        "The new version writes NULL.",
        lacks="null-rejected",
    ),
    scenario(
        "shorten-text",
        "Make a text shorter",
        [order(note=text(20))],
        [alter("note", text(10))],
        POST,
        "The old version still writes longer texts.",
        breaks="narrower-type",
    ),
    scenario(
        "lengthen-text",
        "Make a text longer",
        [order(note=text(10))],
        [alter("note", text(20))],
        PRE,
        "The new version writes longer texts.",
        lacks="narrower-type",
    ),
    scenario(
        "char-to-text",
        "Lift the limit on a text",
        [order(note=text(10))],
        [alter("note", models.TextField())],
        PRE,
        "The new version writes texts of any length.",
        lacks="narrower-type",
    ),
    scenario(
        "widen-integer",
        "Take a larger type of integer",
        [order(price=integer())],
        [alter("price", models.BigIntegerField())],
        PRE,
        "The new version writes larger numbers.",
        lacks="narrower-type",
    ),
    scenario(
        "allow-negative",
        "Let a positive integer be negative",
        [order(price=models.PositiveIntegerField())],
        [alter("price", integer())],
        PRE,
        "The new version writes negative numbers.",
        lacks="narrower-type",
    ),
    scenario(
        "more-decimal-places",
        "Turn digits before the point into digits after it",
        [order(price=models.DecimalField(max_digits=6, decimal_places=2))],
        [alter("price", models.DecimalField(max_digits=6, decimal_places=4))],
        NONE,
        "The old version writes larger numbers, the new version finer ones.",
        breaks="narrower-type",
        lacks="narrower-type",
    ),
    scenario(
        "other-type",
        "Take an incompatible type",
        [order(price=integer())],
        [alter("price", text())],
        NONE,
        "Each version compares the column with values of its own type.",
        breaks="other-type",
        lacks="other-type",
    ),
    scenario(
        "add-db-default",
        "Add a default of the database",
        [order(price=integer())],
        [alter("price", integer(db_default=0))],
        PRE,
        "The new version leaves the value to the database.",
        lacks="missing-default",
    ),
    scenario(
        "drop-db-default",
        "Drop a default of the database",
        [order(price=integer(db_default=0))],
        [alter("price", integer())],
        POST,
        "The old version still leaves the value to the database.",
        breaks="missing-default",
    ),
    # Constraints
    scenario(
        "add-unique",
        "Make a field unique",
        [order(price=integer())],
        [alter("price", integer(unique=True))],
        POST,
        "The old version still writes values twice.",
        breaks="stricter-unique",
    ),
    scenario(
        "drop-unique",
        "Let values repeat",
        [order(price=integer(unique=True))],
        [alter("price", integer())],
        PRE,
        "The new version writes values twice.",
        lacks="stricter-unique",
    ),
    scenario(
        "add-unique-constraint",
        "Add a unique constraint",
        [order(price=integer())],
        [constrain(ONE_PRICE)],
        POST,
        "The old version still writes values twice.",
        breaks="stricter-unique",
    ),
    scenario(
        "add-unique-expression",
        "Add a unique constraint on an expression",
        [order(note=text())],
        [constrain(models.UniqueConstraint(Lower("note"), name="one_note"))],
        POST,
        "The old version still writes texts twice.",
        breaks="stricter-unique",
    ),
    scenario(
        "add-unique-nullable-field",
        "Add a unique field that may be NULL",
        [order()],
        [add("code", text(null=True, unique=True))],
        PRE,
        "The old version leaves it NULL, and NULLs are never equal.",
        lacks="missing-column",
    ),
    scenario(
        "add-unique-field-with-constant-default",
        "Add a unique field with a constant default",
        [order()],
        [add("code", integer(db_default=0, unique=True))],
        NONE,
        "The old version's second INSERT gets the same default as its first.",
        breaks="stricter-unique",
        lacks="missing-column",
    ),
    scenario(
        "unique-together-with-new-field",
        "Make a field unique together with a new one",
        [order(price=integer())],
        [
            add("code", text(null=True)),
            migrations.AlterUniqueTogether("order", {("price", "code")}),
        ],
        PRE,
        "The old version leaves the new column NULL, and NULLs are never equal.",
        lacks="missing-column",
    ),
    scenario(
        "widen-unique-together",
        "Take a further field into unique_together",
        [
            order(price=integer(), note=text(), code=integer()),
            migrations.AlterUniqueTogether("order", {("price", "note")}),
        ],
        [migrations.AlterUniqueTogether("order", {("price", "note", "code")})],
        PRE,
        "What was unique before is unique with one more column, too.",
        lacks="stricter-unique",
    ),
    scenario(
        "add-check",
        "Add a check",
        [order(price=integer())],
        [constrain(POSITIVE)],
        POST,
        "The old version still writes what the check rejects.",
        breaks="stricter-check",
    ),
    scenario(
        "drop-check",
        "Remove a check",
        [order(price=integer()), constrain(POSITIVE)],
        [migrations.RemoveConstraint("order", "positive")],
        PRE,
        "The new version writes what the check rejects.",
        lacks="stricter-check",
    ),
    scenario(
        "add-check-on-new-field",
        "Add a field with a check of its own",
        [order()],
        [add("price", integer(null=True)), constrain(POSITIVE)],
        PRE,
        "The check says nothing of the NULL that the old version leaves there.",
        lacks="missing-column",
    ),
    scenario(
        "require-new-field-by-check",
        "Add a field that a check requires",
        [order()],
        [
            add("price", integer(null=True)),
            constrain(
                models.CheckConstraint(
                    condition=models.Q(price__isnull=False), name="priced"
                )
            ),
        ],
        NONE,
        "The old version leaves the column NULL, which the check rejects.",
        breaks="stricter-check",
        lacks="missing-column",
        backfill=True,
    ),
    scenario(
        "add-foreign-key-constraint",
        "Let the database enforce a foreign key",
        [customer(), order(customer=to_customer(db_constraint=False))],
        [alter("customer", to_customer())],
        POST,
        "The old version may still refer to rows that do not exist.",
        breaks="foreign-key",
    ),
    scenario(
        "drop-foreign-key-constraint",
        "Stop the database from enforcing a foreign key",
        [customer(), order(customer=to_customer())],
        [alter("customer", to_customer(db_constraint=False))],
        PRE,
        "The new version may refer to rows that do not exist.",
        lacks="foreign-key",
    ),
    scenario(
        "integer-to-foreign-key",
        "Turn a number into a foreign key",
        [customer(), order(customer_id=models.BigIntegerField())],
        [
            migrations.RenameField("order", "customer_id", "customer"),
            alter("customer", to_customer()),
        ],
        POST,
        "The old version still writes numbers of rows that do not exist.",
        breaks="foreign-key",
        backfill=True,
    ),
    # Names and places
    scenario(
        "rename-field",
        "Rename a field",
        [order(price=integer())],
        [migrations.RenameField("order", "price", "cost")],
        NONE,
        "Each version asks for a column that the other one's database lacks.",
        breaks="missing-column required-column",
        lacks="missing-column required-column",
    ),
    scenario(
        "rename-field-keeping-column",
        "Rename a field, but not its column",
        [order(price=integer())],
        [
            alter("price", integer(db_column="price")),
            migrations.RenameField("order", "price", "cost"),
        ],
        ANY,
        "The database stays as it is.",
    ),
    scenario(
        "rename-model",
        "Rename a model",
        [order()],
        [migrations.RenameModel("Order", "Purchase")],
        NONE,
        "Each version asks for a table that the other one's database lacks.",
        breaks="missing-table",
        lacks="missing-table",
    ),
    scenario(
        "rename-model-keeping-table",
        "Rename a model, but not its table",
        [order()],
        [
            migrations.AlterModelTable("order", "shop_order"),
            migrations.RenameModel("Order", "Purchase"),
        ],
        ANY,
        "The database stays as it is.",
    ),
    scenario(
        "move-model-out",
        "Move a model out of an app, its table kept",
        [order(price=integer())],
        [TABLE(state_operations=[migrations.DeleteModel("order")])],
        ANY,
        "The database stays as it is.",
    ),
    scenario(
        "move-model-in",
        "Move a model into an app, its table kept",
        [order(price=integer())],
        [
            TABLE(
                state_operations=[
                    migrations.CreateModel(
                        "Order",
                        [key(), ("price", integer())],
                        options={"db_table": "shop_order"},
                    )
                ]
            )
        ],
        ANY,
        "The database stays as it is.",
        app_label="stock",
    ),
    scenario(
        "forget-field",
        "Remove a field from the state only",
        [order(note=text(null=True))],
        [TABLE(state_operations=[remove("note")])],
        ANY,
        "The column stays, and the new version leaves it NULL.",
    ),
    scenario(
        "replace-primary-key",
        "Replace the primary key",
        [
            migrations.CreateModel(
                "Order", [("code", text(primary_key=True)), ("number", integer())]
            )
        ],
        [
            alter("code", text()),
            alter("number", integer(primary_key=True)),
        ],
        NONE,
        "Each version finds rows by a key which is not the other one's.",
        breaks="primary-key",
        lacks="primary-key",
    ),
    # What the database does not see
    scenario(
        "add-index",
        "Add an index",
        [order(price=integer())],
        [migrations.AddIndex("order", models.Index(fields=["price"], name="prices"))],
        ANY,
        "An index neither accepts nor rejects rows.",
    ),
    scenario(
        "remove-index",
        "Remove an index",
        [
            order(price=integer()),
            migrations.AddIndex("order", models.Index(fields=["price"], name="prices")),
        ],
        [migrations.RemoveIndex("order", "prices")],
        ANY,
        "An index neither accepts nor rejects rows.",
    ),
    scenario(
        "alter-options",
        "Change ordering and names",
        [order(price=integer())],
        [
            migrations.AlterModelOptions(
                "order", {"ordering": ["price"], "verbose_name": "purchase"}
            )
        ],
        ANY,
        "The database knows nothing of them.",
    ),
    scenario(
        "add-proxy",
        "Add a proxy model",
        [order()],
        [
            migrations.CreateModel(
                "Sale", [], options={"proxy": True}, bases=("shop.order",)
            )
        ],
        ANY,
        "A proxy has no table of its own.",
    ),
    scenario(
        "add-unmanaged",
        "Add an unmanaged model",
        [order()],
        [migrations.CreateModel("Report", [key()], options={"managed": False})],
        ANY,
        "Migrations neither make nor change its table.",
    ),
    scenario(
        "default-of-python",
        "Change a default of the code",
        [order(price=integer(default=0))],
        [alter("price", integer(default=1))],
        ANY,
        "The code fills it in, not the database.",
    ),
]
