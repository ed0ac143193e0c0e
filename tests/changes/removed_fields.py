"""Fields that are removed, and fields that take the place of others."""

from __future__ import annotations

from tests.changes.change import Change, Outcome, order, shop

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

NEEDED = (
    "The old version reads the column until it is gone, the new version's INSERT "
    "leaves it out: so the column can do without a value first."
)
IDLE = "The new version leaves the column out; the old one needs it until it is gone."
BOTH = (
    "The new column is there before the deploy and the old one until after it; each "
    "can do without a value as long as one version does not know it."
)


def removed(
    name: str, kind: str, arguments: str, what: str, head: str = "", **more
) -> Change:
    """Return the change that removes a field."""
    return Change(
        name=f"remove-{name}",
        title=f"Remove {what}",
        before=shop(order(f"removed = models.{kind}({arguments})", head=head)),
        after=shop(order()),
        **{"outcome": SPLIT, "why": NEEDED, **more},
    )


def idle(name: str, kind: str, arguments: str, what: str) -> Change:
    return removed(name, kind, arguments, what, outcome=AS_DJANGO, why=IDLE)


def swapped(name: str, title: str, old: str, new: str, **more) -> Change:
    """Return the change that puts one field in the place of another."""
    return Change(
        name=name,
        title=title,
        before=shop(order(f"old = models.{old}")),
        after=shop(order(f"new = models.{new}")),
        outcome=SPLIT,
        why=BOTH,
        **more,
    )


PRICE = "DecimalField(max_digits=10, decimal_places=2)"

CHANGES = [
    removed("integer", "IntegerField", "", "a required integer"),
    removed(
        "integer-with-default", "IntegerField", "default=0", "an integer with a default"
    ),
    removed("char", "CharField", "max_length=20", "a required text"),
    removed("text", "TextField", "blank=True", "a text of any length"),
    removed("boolean", "BooleanField", "default=False", "a flag"),
    removed("decimal", "DecimalField", "max_digits=9, decimal_places=2", "a price"),
    removed("created", "DateTimeField", "auto_now_add=True", "the time of creation"),
    removed("date", "DateField", "", "a date"),
    removed("json", "JSONField", "default=dict", "JSON"),
    removed("unique-uuid", "UUIDField", "unique=True", "a unique UUID"),
    removed("unique-char", "CharField", "max_length=20, unique=True", "a unique text"),
    removed("indexed-slug", "SlugField", "", "a slug, which has an index"),
    removed("binary", "BinaryField", "", "a binary"),
    idle(
        "nullable-integer", "IntegerField", "null=True", "an integer that may be NULL"
    ),
    idle("nullable-text", "TextField", "null=True", "a text that may be NULL"),
    idle(
        "db-default",
        "IntegerField",
        "db_default=0",
        "an integer with a default of the database",
    ),
    idle(
        "generated",
        "GeneratedField",
        "expression=models.F('number'), output_field=models.IntegerField(), "
        "db_persist=True",
        "a generated field",
    ),
    swapped(
        "swap-nullable-field",
        "Put a field that may be NULL in the place of another",
        "IntegerField(null=True)",
        "CharField(max_length=20, null=True)",
    ),
    swapped(
        "swap-required-field",
        "Put a required field in the place of another",
        PRICE,
        "BigIntegerField(default=0)",
    ),
    swapped(
        "swap-flag-for-time",
        "Put a time in the place of a flag",
        "BooleanField(default=False)",
        "DateTimeField(null=True)",
    ),
    swapped(
        "do-not-rename-field",
        "Put a field in the place of one of the same type, and say it is another",
        "IntegerField(default=0)",
        "IntegerField(default=0)",
        answers=("n",),
    ),
]
