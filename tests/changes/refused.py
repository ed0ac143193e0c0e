"""Changes for which there is no schema that both versions can run on."""

from __future__ import annotations

from tests.changes.change import CUSTOMER, Change, Outcome, model, order, shop

TYPE = "Each version compares the column with values of its own type."
KEY = "Each version finds rows by a key which is not the other one's."
UUID = "import uuid\n"


def refused(name: str, title: str, old: str, new: str, why: str, *names: str) -> Change:
    return Change(
        name, title, shop(old), shop(new), Outcome.REFUSED, why, names=("Order", *names)
    )


def other_type(name: str, title: str, old: str, new: str) -> Change:
    before, after = (order(f"value = models.{each}") for each in (old, new))
    return refused(name, title, before, after, TYPE, "value")


def target(name: str) -> str:
    supplier = model("Supplier", "name = models.CharField(max_length=20)")
    return (
        CUSTOMER + supplier + order(f"of = models.ForeignKey('{name}', models.CASCADE)")
    )


def generated(expression: str) -> str:
    return order(
        f"twice = models.GeneratedField(expression={expression}, "
        "output_field=models.IntegerField(), db_persist=True)"
    )


CHAR = "CharField(max_length=40)"

CHANGES = [
    other_type("integer-to-char", "Turn a number into text", "IntegerField()", CHAR),
    other_type("char-to-integer", "Turn text into a number", CHAR, "IntegerField()"),
    other_type(
        "boolean-to-integer",
        "Turn a flag into a number",
        "BooleanField()",
        "IntegerField()",
    ),
    other_type(
        "date-to-datetime",
        "Turn a date into a time stamp",
        "DateField()",
        "DateTimeField()",
    ),
    other_type("char-to-uuid", "Turn text into a UUID", CHAR, "UUIDField()"),
    other_type("text-to-json", "Turn text into JSON", "TextField()", "JSONField()"),
    other_type(
        "float-to-decimal",
        "Turn a float into a decimal",
        "FloatField()",
        "DecimalField(max_digits=12, decimal_places=2)",
    ),
    refused(
        "replace-key-by-uuid",
        "Turn the automatic key into a UUID",
        model("Order", "number = models.IntegerField()"),
        UUID
        + model(
            "Order",
            "id = models.UUIDField(primary_key=True, default=uuid.uuid4)",
            "number = models.IntegerField()",
        ),
        KEY,
    ),
    refused(
        "other-primary-key",
        "Make another field the primary key",
        model(
            "Order",
            "code = models.CharField(max_length=20, primary_key=True)",
            "number = models.IntegerField()",
        ),
        model(
            "Order",
            "code = models.CharField(max_length=20)",
            "number = models.IntegerField(primary_key=True)",
        ),
        KEY,
    ),
    refused(
        "refer-to-another-model",
        "Let a foreign key refer to another model",
        target("Customer"),
        target("Supplier"),
        "Each version writes keys of rows that the other looks for elsewhere.",
        "of",
    ),
    refused(
        "change-generated-expression",
        "Change the expression of a generated field",
        generated("models.F('number')"),
        generated("models.F('number') * models.Value(2)"),
        "Django cannot alter a generated field.",
        "twice",
    ),
    refused(
        "move-field-to-parent",
        "Move a field to the model that is inherited from",
        order()
        + model("OrderGift", "note = models.TextField(null=True)", base="Order"),
        order("note = models.TextField(null=True)") + model("OrderGift", base="Order"),
        "A model cannot have a field of a name that it inherits, not even for a while.",
        "note",
    ),
    refused(
        "swap-column-names",
        "Let two fields swap their columns",
        order(
            "one = models.IntegerField(db_column='a')",
            "two = models.IntegerField(db_column='b')",
        ),
        order(
            "one = models.IntegerField(db_column='b')",
            "two = models.IntegerField(db_column='a')",
        ),
        "Each version would read the other one's values.",
        "one",
    ),
    refused(
        "swap-table-names",
        "Let two models swap their tables",
        order(meta="db_table = 'a'") + model("OrderGift", meta="db_table = 'b'"),
        order(meta="db_table = 'b'") + model("OrderGift", meta="db_table = 'a'"),
        "Each version would read the other one's rows.",
        "db_table",
    ),
]
