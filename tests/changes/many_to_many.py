"""Many-to-many fields."""

from __future__ import annotations

from tests.changes.change import CUSTOMER, Change, Outcome, model, order, shop

AS_DJANGO, SPLIT, REFUSED = Outcome

HELD = (
    "Rows of the new table would keep the old version, which does not see them, from "
    "deleting either end: so its constraints come when that is gone."
)
LET_GO = (
    "Rows of the table would keep the new version, which does not see them, from "
    "deleting either end: so its constraints go before it does."
)
IMPOSSIBLE = "Django cannot alter a many-to-many field into one with another table."


def changed(name: str, title: str, old: str, new: str, **more) -> Change:
    return Change(
        name=name,
        title=title,
        before=shop(CUSTOMER + old),
        after=shop(CUSTOMER + new),
        **{"outcome": SPLIT, **more},
    )


def many(rest: str = "", to: str = "Customer") -> str:
    return order(f"customers = models.ManyToManyField('{to}'{rest})")


THROUGH = model(
    "Purchase",
    "order = models.ForeignKey('Order', models.CASCADE)",
    "customer = models.ForeignKey('Customer', models.CASCADE)",
    "price = models.IntegerField(default=0)",
)

CHANGES = [
    changed("add-many-to-many", "Add a many-to-many field", order(), many(), why=HELD),
    changed(
        "remove-many-to-many",
        "Remove a many-to-many field",
        many(),
        order(),
        why=LET_GO,
    ),
    changed(
        "add-many-to-many-to-self",
        "Add a many-to-many field to the model itself",
        order(),
        many(to="self"),
        why=HELD,
    ),
    changed(
        "remove-many-to-many-to-self",
        "Remove a many-to-many field to the model itself",
        many(to="self"),
        order(),
        why=LET_GO,
    ),
    changed(
        "add-unconstrained-many-to-many",
        "Add a many-to-many field without constraints",
        order(),
        many(", db_constraint=False"),
        outcome=AS_DJANGO,
        why="Nothing in the database ties the rows to those that they refer to.",
    ),
    changed(
        "add-through-model",
        "Add a many-to-many field with a model in between",
        order(),
        many(", through='Purchase'") + THROUGH,
        why=HELD,
    ),
    changed(
        "remove-through-model",
        "Remove a many-to-many field with a model in between",
        many(", through='Purchase'") + THROUGH,
        order(),
        why=LET_GO,
    ),
    changed(
        "add-field-through-existing-model",
        "Add a many-to-many field through a model that there is",
        order() + THROUGH,
        many(", through='Purchase'") + THROUGH,
        outcome=AS_DJANGO,
        why="To the database nothing changes.",
    ),
    changed(
        "give-many-to-many-a-through-model",
        "Put a model in between a many-to-many field",
        many(),
        many(", through='Purchase'") + THROUGH,
        outcome=REFUSED,
        names=("Order", "customers"),
        why=IMPOSSIBLE,
    ),
    changed(
        "take-through-model-away",
        "Take the model in between a many-to-many field away",
        many(", through='Purchase'") + THROUGH,
        many(),
        outcome=REFUSED,
        names=("Order", "customers"),
        why=IMPOSSIBLE,
    ),
    changed(
        "change-related-name-of-many-to-many",
        "Change the name of the reverse of a many-to-many field",
        many(),
        many(", related_name='all', blank=True"),
        outcome=AS_DJANGO,
        why="To the database nothing changes.",
    ),
]
