"""Fields that take another type."""

from __future__ import annotations

from tests.changes.change import CUSTOMER, Change, Outcome, model, order, shop

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

WIDER = "The new version writes values for which the column is too narrow."
NARROWER = "The old version still writes values that the new type cannot hold."
NEITHER = (
    "Each version writes values that the other's column rejects, so the column takes "
    "both until the old version is gone."
)


def altered(name: str, title: str, old: str, new: str, **more) -> Change:
    """Return the change of a field's type."""
    return Change(
        name=name,
        title=title,
        before=shop(order(f"value = models.{old}")),
        after=shop(order(f"value = models.{new}")),
        **more,
    )


def wider(name: str, title: str, old: str, new: str, **more) -> Change:
    return altered(name, title, old, new, outcome=AS_DJANGO, why=WIDER, **more)


def narrower(name: str, title: str, old: str, new: str) -> Change:
    return altered(name, title, old, new, outcome=AS_DJANGO, why=NARROWER, tidy=True)


def across(name: str, title: str, old: str, new: str) -> Change:
    return altered(name, title, old, new, outcome=SPLIT, why=NEITHER, tidy=True)


def char(length: int, rest: str = "") -> str:
    return f"CharField(max_length={length}{rest})"


def decimal(digits: int, places: int) -> str:
    return f"DecimalField(max_digits={digits}, decimal_places={places})"


def keyed(kind: str) -> dict[str, str]:
    """Return a model with a key of this kind, and one that refers to it."""
    key = f"id = models.{kind}(primary_key=True)"
    name = "name = models.CharField(max_length=20)"
    customer = "customer = models.ForeignKey('Customer', models.CASCADE)"
    return shop(model("Customer", key, name) + order(customer))


CHANGES = [
    wider("lengthen-char", "Make a text longer", char(10), char(20)),
    wider("lift-char-limit", "Lift the limit on a text", char(10), "TextField()"),
    wider("slug-to-char", "Turn a slug into a longer text", "SlugField()", char(80)),
    wider("email-to-char", "Turn an email into text", "EmailField()", char(254)),
    wider(
        "integer-to-big",
        "Turn an integer into a big one",
        "IntegerField()",
        "BigIntegerField()",
    ),
    wider(
        "small-to-integer",
        "Turn a small integer into a normal one",
        "SmallIntegerField()",
        "IntegerField()",
    ),
    wider(
        "positive-to-integer",
        "Let a positive integer be negative",
        "PositiveIntegerField()",
        "IntegerField()",
    ),
    wider(
        "more-digits",
        "Allow a decimal more digits",
        decimal(8, 2),
        decimal(12, 2),
        tidy=True,
    ),
    wider(
        "more-places-and-digits",
        "Allow a decimal more digits on both sides of the point",
        decimal(10, 2),
        decimal(14, 4),
        tidy=True,
    ),
    narrower("shorten-char", "Make a text shorter", char(20), char(10)),
    narrower("text-to-char", "Limit a text", "TextField()", char(20)),
    narrower(
        "big-to-integer",
        "Turn a big integer into a normal one",
        "BigIntegerField()",
        "IntegerField()",
    ),
    narrower(
        "integer-to-positive",
        "Require an integer to be positive",
        "IntegerField()",
        "PositiveIntegerField()",
    ),
    narrower("fewer-digits", "Allow fewer digits", decimal(12, 2), decimal(8, 2)),
    narrower("fewer-places", "Allow fewer places", decimal(12, 4), decimal(10, 2)),
    across(
        "move-decimal-point",
        "Turn digits before the point into digits after it",
        decimal(8, 2),
        decimal(8, 4),
    ),
    across(
        "positive-to-small",
        "Turn a positive integer into a small one",
        "PositiveIntegerField()",
        "SmallIntegerField()",
    ),
    across(
        "shorten-and-allow-null",
        "Make a text shorter, and let it be NULL",
        char(20),
        char(10, ", null=True"),
    ),
    Change(
        name="widen-automatic-key",
        title="Turn the automatic key into a big one",
        before=keyed("AutoField"),
        after=keyed("BigAutoField"),
        outcome=AS_DJANGO,
        why="The new version writes keys for which the columns are too narrow.",
    ),
    Change(
        name="char-to-email",
        title="Have a text checked as an email address",
        before=shop(order("value = models.CharField(max_length=254)")),
        after=shop(order("value = models.EmailField()")),
        outcome=AS_DJANGO,
        why="To the database it is the same column.",
    ),
    Change(
        name="file-to-longer-file",
        title="Allow a file a longer path",
        before=shop(CUSTOMER + order("value = models.FileField()")),
        after=shop(CUSTOMER + order("value = models.FileField(max_length=200)")),
        outcome=AS_DJANGO,
        why=WIDER,
    ),
]
