"""Several changes at once, in one app and in two."""

from __future__ import annotations

from collections.abc import Mapping

from tests.changes.change import (
    CUSTOMER,
    EVERYWHERE,
    Change,
    Outcome,
    model,
    order,
    shop,
)
from tests.changes.change import to_customer as to

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

EACH = "Each change is made on the side of the deploy where neither version minds it."


def changed(
    name: str, title: str, before: Mapping[str, str], after: Mapping[str, str], **more
) -> Change:
    return Change(name, title, before, after, **{"outcome": SPLIT, "why": EACH, **more})


def apps(shop: str, blog: str) -> dict[str, str]:
    return {"shop": shop, "blog": blog}


def post(*lines: str, meta: str = "") -> str:
    return model("Post", "title = models.CharField(max_length=20)", *lines, meta=meta)


PRICE = "price = models.DecimalField(max_digits=10, decimal_places=2)"
CENTS = "price_cents = models.BigIntegerField(default=0)"
CURRENCY = "currency = models.CharField(max_length=3, default='EUR')"
NULLABLE = "note = models.CharField(max_length=20, null=True)"
REQUIRED = "stock = models.IntegerField(default=0)"
ABOUT = "about = models.ForeignKey('shop.Order', models.CASCADE{})"
COUNT = "count = models.IntegerField()"

CHANGES = [
    changed(
        "price-to-cents",
        "Put an amount in cents and a currency in the place of a price",
        shop(order(PRICE)),
        shop(order(CENTS, CURRENCY)),
    ),
    changed(
        "add-and-remove",
        "Add a field that may be NULL, and remove another",
        shop(order("old = models.IntegerField(null=True)")),
        shop(order("new = models.CharField(max_length=9, null=True)")),
    ),
    changed(
        "add-field-and-constraint",
        "Add a field, and make another unique",
        shop(order(COUNT)),
        shop(order("count = models.IntegerField(unique=True)", NULLABLE)),
        tidy=True,
    ),
    changed(
        "add-required-field-and-unique-together",
        "Make a field unique together with a new required one",
        shop(order()),
        shop(order(REQUIRED, meta="unique_together = [('number', 'stock')]")),
        tidy=True,
        nulls=EVERYWHERE,
    ),
    changed(
        "widen-and-narrow",
        "Make one text longer and another one shorter",
        shop(order("a = models.CharField(max_length=9)", "b = models.TextField()")),
        shop(order("a = models.TextField()", "b = models.CharField(max_length=9)")),
        tidy=True,
    ),
    changed(
        "allow-null-and-forbid-it",
        "Allow one field NULL and forbid it another",
        shop(order("a = models.IntegerField()", "b = models.IntegerField(null=True)")),
        shop(
            order(
                "a = models.IntegerField(null=True)",
                "b = models.IntegerField(default=0)",
            )
        ),
        nulls=EVERYWHERE,
    ),
    changed(
        "add-model-and-required-field",
        "Add a model, and a required field to another one",
        shop(order()),
        shop(order(REQUIRED) + CUSTOMER),
    ),
    changed(
        "move-fields-to-new-model",
        "Move a field to a new model, to which the old one refers",
        shop(order("name = models.CharField(max_length=20)")),
        shop(CUSTOMER + order(to("null=True"))),
    ),
    changed(
        "replace-model",
        "Put a model in the place of another one",
        shop(order() + model("Coupon", "percent = models.IntegerField()")),
        shop(order() + model("Voucher", "code = models.CharField(max_length=9)")),
    ),
    changed(
        "required-fields-in-two-apps",
        "Add a required field in each of two apps",
        apps(order(), post()),
        apps(order(REQUIRED), post("views = models.IntegerField(default=0)")),
    ),
    changed(
        "optional-fields-in-two-apps",
        "Add a field that may be NULL in each of two apps",
        apps(order(), post()),
        apps(order(NULLABLE), post("views = models.IntegerField(null=True)")),
        outcome=AS_DJANGO,
        why="The old version leaves the columns NULL.",
    ),
    changed(
        "new-app-refers-to-old-one",
        "Install an app that refers to another one, which gets a required field",
        shop(order()),
        apps(order(REQUIRED), post(ABOUT.format(""))),
    ),
    changed(
        "foreign-key-across-apps",
        "Add a foreign key to a model of another app",
        apps(order(), post()),
        apps(order(), post(ABOUT.format(", null=True"))),
    ),
    changed(
        "remove-model-referred-to-across-apps",
        "Remove a model to which another app refers",
        apps(order() + CUSTOMER, post(ABOUT.format(""))),
        apps(CUSTOMER, post()),
    ),
    changed(
        "add-here-remove-there",
        "Add a field in one app and remove one in another",
        apps(order(), post("views = models.IntegerField()")),
        apps(order(NULLABLE), post()),
    ),
    changed(
        "new-app",
        "Install an app that knows nothing of others",
        shop(order()),
        apps(order(), post()),
        outcome=AS_DJANGO,
        why="The old version knows nothing of its tables.",
    ),
]
