"""Fields and models that are renamed."""

from __future__ import annotations

from tests.changes.change import (
    CUSTOMER,
    EVERYWHERE,
    Change,
    Outcome,
    model,
    order,
    shop,
)

AS_DJANGO, SPLIT, REFUSED = Outcome

YES = ("y",)
KEPT = ("y", "1")  # the choice to keep the name in the database, by hand
COPIED = ("y", "2")  # the choice to expand and contract

COLUMN = (
    "Each version asks for a column that the other's database lacks, so there are both "
    "until the old version is gone."
)
BY_HAND = (
    "Each version asks for a name that the other's database lacks; that can keep "
    "the old name, and models.py has to say so."
)
SAME = "To the database nothing changes."
CUSTOMERS = "customer = models.ForeignKey('Customer', models.CASCADE)"


def renamed(name: str, title: str, old: str, new: str, **more) -> Change:
    return Change(
        name=name,
        title=title,
        before=shop(old),
        after=shop(new),
        **{"outcome": SPLIT, "answers": COPIED, **more},
    )


def field(name: str, title: str, old: str, new: str, **more) -> Change:
    return renamed(
        name,
        title,
        CUSTOMER + order(f"price = models.{old}"),
        CUSTOMER + order(f"cost = models.{new}"),
        **{"why": COLUMN, **more},
    )


def purchase(*lines: str, meta: str = "") -> str:
    return model("Purchase", "number = models.IntegerField()", *lines, meta=meta)


LINE = model("Line", "order = models.ForeignKey('Order', models.CASCADE)")
LINE_AFTER = LINE.replace("'Order'", "'Purchase'")

CHANGES = [
    field(
        "rename-required-field",
        "Rename a field",
        "IntegerField()",
        "IntegerField()",
        nulls=EVERYWHERE,
    ),
    field(
        "rename-nullable-field",
        "Rename a field that may be NULL",
        "CharField(max_length=20, null=True)",
        "CharField(max_length=20, null=True)",
    ),
    field(
        "rename-field-with-default",
        "Rename a field with a default",
        "TextField(default='')",
        "TextField(default='')",
        nulls=EVERYWHERE,
    ),
    field(
        "rename-field-with-db-default",
        "Rename a field with a default of the database",
        "IntegerField(db_default=0)",
        "IntegerField(db_default=0)",
        outcome=REFUSED,
        answers=KEPT,
        names=("db_column='price'",),
        why="The default would stand where NULL tells which rows are to be copied.",
    ),
    field(
        "rename-unique-field",
        "Rename a unique field",
        "IntegerField(unique=True)",
        "IntegerField(unique=True)",
        nulls=EVERYWHERE,
    ),
    field(
        "rename-foreign-key",
        "Rename a foreign key",
        "ForeignKey('Customer', models.CASCADE, null=True)",
        "ForeignKey('Customer', models.CASCADE, null=True)",
    ),
    field(
        "rename-field-keeping-column",
        "Rename a field, but not its column",
        "IntegerField()",
        "IntegerField(db_column='price')",
        outcome=AS_DJANGO,
        answers=YES,
        why=SAME,
    ),
    field(
        "rename-foreign-key-keeping-column",
        "Rename a foreign key, but not its column",
        "ForeignKey('Customer', models.CASCADE)",
        "ForeignKey('Customer', models.CASCADE, db_column='price_id')",
        outcome=AS_DJANGO,
        answers=YES,
        why=SAME,
    ),
    field(
        "rename-field-and-choose-to-keep-column",
        "Rename a field, and choose to keep its column",
        "IntegerField()",
        "IntegerField()",
        outcome=REFUSED,
        answers=KEPT,
        names=("Order", "cost", "db_column"),
        why=BY_HAND,
    ),
    renamed(
        "rename-model",
        "Rename a model",
        order(),
        purchase(),
        outcome=REFUSED,
        answers=KEPT,
        names=("Purchase", "db_table"),
        why=BY_HAND,
    ),
    renamed(
        "rename-model-referred-to",
        "Rename a model to which another one refers",
        order() + LINE,
        purchase() + LINE_AFTER,
        outcome=REFUSED,
        answers=KEPT,
        names=("Purchase", "db_table"),
        why=BY_HAND,
    ),
    renamed(
        "rename-model-keeping-table",
        "Rename a model, but not its table",
        order(),
        purchase(meta="db_table = 'shop_order'"),
        outcome=AS_DJANGO,
        answers=YES,
        why=SAME,
    ),
    renamed(
        "rename-model-referred-to-keeping-table",
        "Rename a model to which another one refers, but not its table",
        order() + LINE,
        purchase(meta="db_table = 'shop_order'") + LINE_AFTER,
        outcome=AS_DJANGO,
        answers=YES,
        why=SAME,
    ),
    renamed(
        "change-table-name",
        "Give a model another table name",
        order(),
        order(meta="db_table = 'orders'"),
        outcome=REFUSED,
        answers=(),
        names=("Order",),
        why="Each version asks for a table that the other's database lacks.",
    ),
    renamed(
        "change-column-name",
        "Give a field another column name",
        order("price = models.IntegerField()"),
        order("price = models.IntegerField(db_column='cost')"),
        outcome=REFUSED,
        answers=(),
        names=("Order", "price"),
        why="Each version asks for a column that the other's database lacks.",
    ),
    renamed(
        "name-the-table-as-it-is",
        "Give a model the table name that it has",
        order(),
        order(meta="db_table = 'shop_order'"),
        outcome=AS_DJANGO,
        answers=(),
        why=SAME,
    ),
]
