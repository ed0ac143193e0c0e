"""Constraints and indexes."""

from __future__ import annotations

from tests.changes.change import Change, Outcome, order, shop

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

STRICTER = "The old version still writes rows that the constraint rejects."
LOOSER = "The new version writes rows that the constraint rejects."
EITHER = "An index neither accepts nor rejects rows."
NEITHER = "Each version writes rows that the other's constraint rejects."

PRICE = "price = models.IntegerField()"
NOTE = "note = models.CharField(max_length=20)"
LOWER = "from django.db.models.functions import Lower\n"


def constrained(name: str, title: str, old: str, new: str, **more) -> Change:
    """Return the change of the Meta of a model with a price and a note."""
    head = more.pop("head", "")
    return Change(
        name=name,
        title=title,
        before=shop(order(PRICE, NOTE, meta=old, head=head)),
        after=shop(order(PRICE, NOTE, meta=new, head=head)),
        **{"outcome": AS_DJANGO, **more},
    )


def both_ways(name: str, what: str, meta: str, **more) -> list[Change]:
    """Return the addition and the removal of a constraint."""
    return [
        constrained(
            f"add-{name}", f"Add {what}", "", meta, why=STRICTER, tidy=True, **more
        ),
        constrained(f"drop-{name}", f"Drop {what}", meta, "", why=LOOSER, **more),
    ]


def constraint(source: str) -> str:
    return f"constraints = [models.{source}]"


def check(condition: str) -> str:
    return constraint(f"CheckConstraint(condition={condition}, name='checked')")


def unique(arguments: str) -> str:
    return constraint(f"UniqueConstraint({arguments}, name='one')")


def index(name: str, field: str = "price") -> str:
    return f"indexes = [models.Index(fields=['{field}'], name='{name}')]"


def together(*sets: str) -> str:
    return (
        f"unique_together = [{', '.join(map(repr, map(tuple, map(str.split, sets))))}]"
    )


def field(name: str, title: str, old: str, new: str, **more) -> Change:
    """Return the change of a field's arguments."""
    return Change(
        name=name,
        title=title,
        before=shop(order(f"value = models.{old}")),
        after=shop(order(f"value = models.{new}")),
        **{"outcome": AS_DJANGO, **more},
    )


INDEX = "IntegerField(db_index=True)"
UNIQUE = "IntegerField(unique=True)"

CHANGES = [
    field(
        "add-unique",
        "Make a field unique",
        "IntegerField()",
        UNIQUE,
        why=STRICTER,
        tidy=True,
    ),
    field("drop-unique", "Let values repeat", UNIQUE, "IntegerField()", why=LOOSER),
    field("add-db-index", "Index a field", "IntegerField()", INDEX, why=EITHER),
    field("drop-db-index", "Drop the index", INDEX, "IntegerField()", why=EITHER),
    field(
        "unique-and-nullable",
        "Make a field unique, and let it be NULL",
        "CharField(max_length=20)",
        "CharField(max_length=20, unique=True, null=True)",
        outcome=SPLIT,
        why="The new version writes NULL, the old version values twice.",
        tidy=True,
    ),
    *both_ways("unique-constraint", "a unique constraint", unique("fields=['price']")),
    *both_ways(
        "conditional-unique",
        "a unique constraint with a condition",
        unique("fields=['price'], condition=models.Q(number__gt=5)"),
    ),
    *both_ways(
        "unique-expression",
        "a unique constraint on an expression",
        unique("Lower('note')"),
        head=LOWER,
    ),
    *both_ways(
        "unique-nulls",
        "a unique constraint for which NULLs are equal",
        unique("fields=['price'], nulls_distinct=False"),
        databases=("postgresql",),
    ),
    *both_ways("check", "a check", check("models.Q(price__gte=1)")),
    constrained(
        "change-check",
        "Change a check",
        check("models.Q(price__gte=1)"),
        check("models.Q(price__lte=1000)"),
        outcome=SPLIT,
        why=NEITHER,
        tidy=True,
    ),
    *both_ways("unique-together", "fields to unique_together", together("price note")),
    constrained(
        "widen-unique-together",
        "Take a further field into unique_together",
        together("price note"),
        together("price note number"),
        why=LOOSER,
    ),
    constrained(
        "narrow-unique-together",
        "Take a field out of unique_together",
        together("price note number"),
        together("price note"),
        why=STRICTER,
        tidy=True,
    ),
    constrained(
        "change-unique-together",
        "Put a field in the place of another in unique_together",
        together("price note"),
        together("note number"),
        outcome=SPLIT,
        why=NEITHER,
        tidy=True,
    ),
    constrained(
        "unique-together-to-constraint",
        "Turn unique_together into a constraint",
        together("price note"),
        unique("fields=['price', 'note']"),
        why="Both are unique on the same columns.",
    ),
    constrained("add-index", "Add an index", "", index("prices"), why=EITHER),
    constrained("remove-index", "Remove an index", index("prices"), "", why=EITHER),
    constrained(
        "rename-index", "Rename an index", index("prices"), index("costs"), why=EITHER
    ),
    constrained(
        "change-index",
        "Index another field",
        index("prices"),
        index("notes", "note"),
        why=EITHER,
    ),
]
