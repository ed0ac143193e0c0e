"""Foreign keys."""

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
from tests.changes.change import to_customer as to

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

HELD = (
    "Rows that refer would keep the old version, which does not see them, from "
    "deleting: so the constraint comes when it is gone."
)
PROTECTED = (
    "The constraint is there at once, so that the old version cannot take away the "
    "rows that the new version keeps. It gets an error where it deletes a row to "
    "which new rows refer."
)
LET_GO = (
    "Rows that refer would keep the new version, which does not see them, from "
    "deleting: so the database clears their references, or its constraint goes before "
    "the column."
)
SAME = "To the database nothing changes."
FIRST = frozenset({("shop_customer", 1)})


def changed(name: str, title: str, old: str, new: str, **more) -> Change:
    """Return a change of an order that can refer to customers."""
    return Change(
        name=name,
        title=title,
        before=shop(CUSTOMER + order(*filter(None, [old]))),
        after=shop(CUSTOMER + order(*filter(None, [new]))),
        **{"outcome": AS_DJANGO, **more},
    )


def added(name: str, title: str, field: str, **more) -> Change:
    more = {"outcome": SPLIT, "why": HELD, **more}
    return changed(f"add-{name}", f"Add {title}", "", field, **more)


def removed(name: str, title: str, field: str, **more) -> Change:
    more = {"outcome": SPLIT, "why": LET_GO, **more}
    return changed(f"remove-{name}", f"Remove {title}", field, "", **more)


def protecting(name: str, title: str, field: str, **more) -> Change:
    more = {"outcome": AS_DJANGO, "why": PROTECTED, **more}
    return added(name, title, field, protected=("shop_customer",), **more)


def on_delete(action: str, rest: str = "null=True") -> str:
    return to(f"on_delete=models.{action}, {rest}")


def selves(*lines: str) -> dict[str, str]:
    return shop(model("Order", "number = models.IntegerField()", *lines))


PARENT = "parent = models.ForeignKey('self', models.CASCADE, null=True)"
FREE = "db_constraint=False"

CHANGES = [
    added("nullable-foreign-key", "a foreign key that may be NULL", to("null=True")),
    added(
        "required-foreign-key",
        "a required foreign key, with a one-off default",
        to(),
        answers=("1", "1"),
        kept=FIRST,
        nulls=EVERYWHERE,
    ),
    protecting(
        "protecting-foreign-key", "a foreign key that protects", on_delete("PROTECT")
    ),
    protecting(
        "restricting-foreign-key", "a foreign key that restricts", on_delete("RESTRICT")
    ),
    protecting(
        "required-protecting-foreign-key",
        "a required foreign key that protects, with a one-off default",
        on_delete("PROTECT", ""),
        outcome=SPLIT,
        answers=("1", "1"),
        kept=FIRST,
        nulls=EVERYWHERE,
    ),
    protecting(
        "protecting-one-to-one",
        "a one-to-one field that protects",
        to("on_delete=models.PROTECT, null=True", "OneToOneField"),
    ),
    Change(
        name="add-protecting-self-reference",
        title="Add a foreign key to the model itself that protects",
        before=selves(),
        after=selves(PARENT.replace("CASCADE", "PROTECT")),
        outcome=AS_DJANGO,
        why=PROTECTED,
        protected=("shop_order",),
    ),
    added(
        "foreign-key-set-null",
        "a foreign key that is set to NULL",
        on_delete("SET_NULL"),
    ),
    added(
        "foreign-key-set-default",
        "a foreign key that is set to its default",
        on_delete("SET_DEFAULT", "null=True, default=None"),
    ),
    protecting(
        "foreign-key-do-nothing",
        "a foreign key that does nothing",
        on_delete("DO_NOTHING"),
    ),
    added(
        "foreign-key-db-cascade",
        "a foreign key with which the database deletes",
        on_delete("DB_CASCADE"),
        outcome=AS_DJANGO,
        why="The database itself deletes the rows that refer.",
        min_django=(6, 1),
    ),
    added(
        "foreign-key-db-set-null",
        "a foreign key that the database sets to NULL",
        on_delete("DB_SET_NULL"),
        outcome=AS_DJANGO,
        why="The database itself lets go of the rows that are deleted.",
        min_django=(6, 1),
    ),
    added(
        "unconstrained-foreign-key",
        "a foreign key without a constraint",
        to(f"null=True, {FREE}"),
        outcome=AS_DJANGO,
        why="Nothing in the database ties the rows to those that they refer to.",
    ),
    added("one-to-one", "a one-to-one field", to("null=True", "OneToOneField")),
    Change(
        name="add-self-reference",
        title="Add a foreign key to the model itself",
        before=selves(),
        after=selves(PARENT),
        outcome=SPLIT,
        why=HELD,
    ),
    Change(
        name="remove-self-reference",
        title="Remove a foreign key to the model itself",
        before=selves(PARENT),
        after=selves(),
        outcome=SPLIT,
        why=LET_GO,
    ),
    removed("nullable-foreign-key", "a foreign key that may be NULL", to("null=True")),
    removed("required-foreign-key", "a required foreign key", to()),
    removed(
        "protecting-foreign-key",
        "a foreign key that protects",
        on_delete("PROTECT", ""),
    ),
    removed(
        "foreign-key-set-null",
        "a foreign key that is set to NULL",
        on_delete("SET_NULL"),
    ),
    removed("one-to-one", "a one-to-one field", to("", "OneToOneField")),
    removed(
        "unconstrained-foreign-key",
        "a foreign key without a constraint",
        to(f"null=True, {FREE}"),
        outcome=AS_DJANGO,
        why="The column is like any other that may be NULL.",
    ),
    removed(
        "foreign-key-db-cascade",
        "a foreign key with which the database deletes",
        on_delete("DB_CASCADE"),
        outcome=AS_DJANGO,
        why="The database itself deletes the rows that refer.",
        min_django=(6, 1),
    ),
    changed(
        "allow-null-in-foreign-key",
        "Let a foreign key be NULL",
        to(),
        to("null=True"),
        why="The new version writes NULL.",
    ),
    changed(
        "require-foreign-key",
        "Forbid NULL in a foreign key, and see to the rows by hand",
        to("null=True"),
        to(),
        answers=("2",),
        tidy=True,
        why="The old version still writes NULL.",
    ),
    changed(
        "change-on-delete",
        "Protect what a foreign key refers to",
        to(),
        on_delete("PROTECT", ""),
        why=SAME,
    ),
    changed(
        "cascade-to-set-null",
        "Set a foreign key to NULL instead of deleting",
        to(),
        on_delete("SET_NULL"),
        why="The new version writes NULL.",
    ),
    changed(
        "cascade-to-db-cascade",
        "Have the database delete the rows that refer",
        to(),
        on_delete("DB_CASCADE", ""),
        why="The new version leaves it to the database to delete rows that refer.",
        min_django=(6, 1),
    ),
    changed(
        "db-cascade-to-cascade",
        "Have Django delete the rows that refer",
        on_delete("DB_CASCADE", ""),
        to(),
        why="The old version leaves it to the database to delete rows that refer.",
        min_django=(6, 1),
    ),
    changed(
        "drop-foreign-key-constraint",
        "Drop the constraint of a foreign key",
        to(),
        to(FREE),
        dangling=True,
        why="The new version may refer to rows that do not exist.",
    ),
    changed(
        "add-foreign-key-constraint",
        "Add the constraint of a foreign key",
        to(FREE),
        to(),
        tidy=True,
        why="The old version may still refer to rows that do not exist.",
    ),
    changed(
        "foreign-key-to-one-to-one",
        "Make a foreign key unique",
        to(),
        to("", "OneToOneField"),
        tidy=True,
        why="The old version still refers to the same row twice.",
    ),
    changed(
        "one-to-one-to-foreign-key",
        "Let a one-to-one field refer to the same row twice",
        to("", "OneToOneField"),
        to(),
        why="The new version refers to the same row twice.",
    ),
    changed(
        "change-related-name",
        "Name the reverse",
        to(),
        to("related_name='all'"),
        why=SAME,
    ),
    changed(
        "drop-foreign-key-index",
        "Drop the index of a foreign key",
        to(),
        to("db_index=False"),
        why="An index neither accepts nor rejects rows.",
    ),
    changed(
        "foreign-key-to-number",
        "Turn a foreign key into a number, its column kept",
        to("null=True"),
        "customer_id = models.BigIntegerField(null=True, db_index=True)",
        outcome=Outcome.REFUSED,
        names=("Order",),
        why="Django would drop the column, and add it again without its values.",
    ),
]
