"""Models that are added and removed, and what they inherit from."""

from __future__ import annotations

from tests.changes.change import CUSTOMER, Change, Outcome, model, order, shop
from tests.changes.change import to_customer as to

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

NEW = "The old version knows nothing of the table."
GONE = "The old version still reads and writes the table; the new version does not."
HELD = (
    "Rows of the new table would keep the old version, which does not see them, from "
    "deleting: so its constraints come when that is gone."
)
LET_GO = (
    "Rows of the table would keep the new version, which does not see them, from "
    "deleting: so its constraints go before it does."
)
SAME = "To the database nothing changes."


def changed(name: str, title: str, old: str, new: str, why: str, **more) -> Change:
    outcome = more.pop("outcome", AS_DJANGO)
    return Change(name, title, shop(old), shop(new), outcome, why, **more)


def split(name: str, title: str, old: str, new: str, why: str, **more) -> Change:
    return changed(name, title, old, new, why, outcome=SPLIT, **more)


BOTH = CUSTOMER + order()
REFERRING = CUSTOMER + order(to())
TAGS = model("Tag", "customers = models.ManyToManyField('Customer')")
GIFT = model("Gift", "message = models.CharField(max_length=20)", base="Order")
SALE = model("Sale", base="Order", meta="proxy = True")
COMPOSITE = model(
    "Line",
    "pk = models.CompositePrimaryKey('number', 'position')",
    "number = models.IntegerField()",
    "position = models.IntegerField()",
)
ABSTRACT = model("Base", "{}", meta="abstract = True")
DERIVED = model("Order", "number = models.IntegerField()", base="Base")
NOTE = "note = models.CharField(max_length=20)"
REQUIRED = "changed = models.DateTimeField(auto_now=True)"
OPTIONAL = "note = models.CharField(max_length=20, null=True)"


def ordered(meta: str = "") -> str:
    return CUSTOMER + order(to(), meta=meta)


WITH_RESPECT = "order_with_respect_to = 'customer'"
UNMANAGED = "managed = False"

CHANGES = [
    changed("add-model", "Add a model", CUSTOMER, BOTH, NEW),
    changed("remove-model", "Remove a model", BOTH, CUSTOMER, GONE),
    changed(
        "add-two-models",
        "Add two models that refer",
        model("Other"),
        model("Other") + REFERRING,
        NEW,
    ),
    changed(
        "add-model-with-composite-key",
        "Add a model with a key of two fields",
        order(),
        order() + COMPOSITE,
        NEW,
    ),
    split(
        "add-model-with-foreign-key",
        "Add a model that refers to an existing one",
        CUSTOMER,
        REFERRING,
        HELD,
    ),
    split(
        "add-model-with-many-to-many",
        "Add a model with a many-to-many field",
        CUSTOMER,
        CUSTOMER + TAGS,
        HELD,
    ),
    split(
        "remove-model-with-foreign-key",
        "Remove a model that refers to another one",
        REFERRING,
        CUSTOMER,
        LET_GO,
    ),
    split(
        "remove-model-with-many-to-many",
        "Remove a model with a many-to-many field",
        CUSTOMER + TAGS,
        CUSTOMER,
        LET_GO,
    ),
    split(
        "remove-model-referred-to",
        "Remove a model, and what refers to it",
        REFERRING,
        order(),
        "The old version reads column and table, the new one leaves the column out.",
    ),
    split(
        "add-child-model",
        "Add a model that inherits from an existing one",
        order(),
        order() + GIFT,
        HELD,
    ),
    split(
        "remove-child-model",
        "Remove a model that inherits from another one",
        order() + GIFT,
        order(),
        LET_GO,
    ),
    changed(
        "add-proxy",
        "Add a proxy model",
        order(),
        order() + SALE,
        "A proxy has no table of its own.",
    ),
    changed(
        "remove-proxy",
        "Remove a proxy model",
        order() + SALE,
        order(),
        "A proxy has no table of its own.",
    ),
    changed(
        "extract-abstract-base",
        "Move fields into an abstract base",
        order(NOTE),
        ABSTRACT.format(NOTE) + DERIVED,
        SAME,
    ),
    changed(
        "add-abstract-base-with-optional-field",
        "Inherit a field that may be NULL",
        order(),
        ABSTRACT.format(OPTIONAL) + DERIVED,
        "The old version leaves the column NULL.",
    ),
    split(
        "add-abstract-base-with-required-field",
        "Inherit a required field",
        order(),
        ABSTRACT.format(REQUIRED) + DERIVED,
        "The old version's INSERT leaves the column out.",
    ),
    split(
        "add-order-with-respect-to",
        "Order a model with respect to another one",
        ordered(),
        ordered(WITH_RESPECT),
        "The column _order is NOT NULL, and the old version knows nothing of it.",
    ),
    split(
        "remove-order-with-respect-to",
        "Stop ordering a model with respect to another one",
        ordered(WITH_RESPECT),
        ordered(),
        "The column _order is NOT NULL, and the new version knows nothing of it.",
    ),
    changed(
        "add-unmanaged-model",
        "Add an unmanaged model",
        order(),
        order() + model("Report", meta=UNMANAGED),
        "Migrations neither make nor change its table.",
    ),
    changed(
        "stop-managing-model",
        "Leave a table to others",
        BOTH,
        CUSTOMER + order(meta=UNMANAGED),
        SAME,
    ),
    changed(
        "change-options",
        "Change the ordering and the names",
        order(),
        order(meta="ordering = ['number']\nverbose_name = 'purchase'"),
        SAME,
    ),
    changed(
        "change-table-comment",
        "Comment on a table",
        order(),
        order(meta="db_table_comment = 'orders'"),
        SAME,
        databases=("postgresql",),
    ),
    changed(
        "add-manager",
        "Add a manager that migrations use",
        order(),
        "class Orders(models.Manager):\n    use_in_migrations = True\n"
        + order("objects = Orders()"),
        SAME,
    ),
]
