"""Fields of which NULL, the default or what only Python sees is altered."""

from __future__ import annotations

from tests.changes.change import EVERYWHERE, Change, Outcome, order, shop

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

WRITES_NULL = "The old version still writes NULL, which is filled in afterwards."
NULLABLE = "The new version writes NULL."
SAME = "To the database nothing changes."


def altered(name: str, title: str, old: str, new: str, **more) -> Change:
    """Return the change of a field's arguments, by default without any effect."""
    head = more.pop("head", "")
    return Change(
        name=name,
        title=title,
        before=shop(order(f"value = models.{old}", head=head)),
        after=shop(order(f"value = models.{new}", head=head)),
        **{"outcome": AS_DJANGO, "why": SAME, **more},
    )


def integer(arguments: str = "") -> str:
    return f"IntegerField({arguments})"


def char(arguments: str = "") -> str:
    return f"CharField(max_length=20, {arguments})"


CHANGES = [
    altered(
        "require-value",
        "Forbid NULL, with a default",
        integer("null=True"),
        integer("default=0"),
        why=WRITES_NULL,
    ),
    altered(
        "require-value-with-one-off-default",
        "Forbid NULL, and answer with a one-off default",
        integer("null=True"),
        integer(),
        answers=("1", "0"),
        why=WRITES_NULL,
    ),
    altered(
        "require-value-by-hand",
        "Forbid NULL, and see to the rows by hand",
        integer("null=True"),
        integer(),
        answers=("2",),
        why="The old version still writes NULL.",
        tidy=True,
    ),
    altered(
        "require-text",
        "Forbid NULL in a text that may be blank",
        char("null=True, blank=True"),
        char("blank=True, default=''"),
        why=WRITES_NULL,
    ),
    altered(
        "require-time",
        "Forbid NULL, with a callable default",
        "DateTimeField(null=True)",
        "DateTimeField(default=timezone.now)",
        head="from django.utils import timezone\n",
        why=WRITES_NULL,
    ),
    altered(
        "require-value-with-db-default",
        "Forbid NULL, with a default of the database",
        integer("null=True"),
        integer("db_default=0"),
        outcome=SPLIT,
        why="The new version needs the default before, the old one NULL after that.",
        databases=EVERYWHERE,
        nulls=EVERYWHERE,
    ),
    altered(
        "require-time-with-db-default",
        "Forbid NULL, with a function of the database",
        "DateTimeField(null=True)",
        "DateTimeField(db_default=Now())",
        head="from django.db.models.functions import Now\n",
        outcome=SPLIT,
        why="The new version needs the default before, the old one NULL after that.",
        databases=EVERYWHERE,
        nulls=EVERYWHERE,
    ),
    altered(
        "require-json-with-db-default",
        "Forbid NULL in JSON, with a default of the database",
        "JSONField(null=True)",
        "JSONField(db_default={'a': [1]})",
        outcome=SPLIT,
        why="The new version needs the default before, the old one NULL after that.",
        databases=EVERYWHERE,
        nulls=EVERYWHERE,
    ),
    altered("allow-null", "Allow NULL", integer(), integer("null=True"), why=NULLABLE),
    altered(
        "allow-null-in-text",
        "Allow a text NULL",
        char(),
        char("null=True"),
        why=NULLABLE,
    ),
    altered(
        "add-db-default",
        "Add a default of the database",
        integer(),
        integer("db_default=0"),
        why="The new version leaves the value to the database.",
    ),
    altered(
        "drop-db-default",
        "Drop a default of the database",
        integer("db_default=0"),
        integer(),
        why="The old version still leaves the value to the database.",
    ),
    altered(
        "change-db-default",
        "Change a default of the database",
        integer("db_default=0"),
        integer("db_default=1"),
        why="Both versions can do with either.",
    ),
    altered(
        "default-to-db-default",
        "Let the database have the default",
        integer("default=0"),
        integer("db_default=0"),
        why="The new version leaves the value to the database.",
    ),
    altered(
        "db-default-to-default",
        "Let the code have the default",
        integer("db_default=0"),
        integer("default=0"),
        why="The old version still leaves the value to the database.",
    ),
    altered("add-default", "Add a default", integer(), integer("default=0")),
    altered(
        "change-default", "Change a default", integer("default=0"), integer("default=1")
    ),
    altered("drop-default", "Drop a default", integer("default=0"), integer()),
    altered(
        "change-choices",
        "Change the choices",
        char("choices=[('a', 'A')]"),
        char("choices=[('a', 'A'), ('b', 'B')]"),
    ),
    altered(
        "change-words",
        "Change the help text and the verbose name",
        char("help_text='old'"),
        char("help_text='new', verbose_name='value'"),
    ),
    altered("allow-blank", "Allow a blank text", char(), char("blank=True")),
    altered(
        "change-comment",
        "Change the comment in the database",
        integer("db_comment='old'"),
        integer("db_comment='new'"),
        databases=("postgresql",),
    ),
    altered(
        "maintain-time",
        "Have a time stamp maintained",
        "DateTimeField()",
        "DateTimeField(auto_now=True)",
        volatile=("value",),
    ),
]
