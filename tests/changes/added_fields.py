"""Fields that are added, of every kind."""

from __future__ import annotations

import dataclasses

from tests.changes.change import EVERYWHERE, Change, Outcome, order, shop

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

OMITTED = (
    "The old version's INSERT leaves the column out, so it can do without a value "
    "until the old version is gone."
)
NULLS = "The old version leaves the column NULL."
CALLED = (
    "The old version's INSERT leaves the column out, and nothing in the database gives "
    "what the new version's would: it is NULL until it is filled after the deploy."
)
FILLED = "The database fills in what the old version leaves out."


def added(
    name: str, kind: str, arguments: str, what: str, head: str = "", **more
) -> Change:
    """Return the change that adds a field."""
    field = f"added = models.{kind}({arguments})"
    return Change(
        name=f"add-{name}",
        title=f"Add {what}",
        before=shop(order()),
        after=shop(order(field, head=head)),
        **{"outcome": SPLIT, "why": OMITTED, **more},
    )


UUID = "import uuid\n"
TIMEZONE = "from django.utils import timezone\n"
NOW = "from django.db.models.functions import Now\n"
CODE = """import secrets

def code():
    return secrets.token_hex(5)
"""


def required(
    name: str, kind: str, arguments: str, what: str, head: str = "", **more
) -> Change:
    return added(name, kind, arguments, f"a required {what}", head, **more)


def anywhere(
    name: str, kind: str, arguments: str, what: str, head: str = "", **more
) -> Change:
    """Return an addition that differs by database."""
    return required(name, kind, arguments, what, head, databases=EVERYWHERE, **more)


def of_postgresql(name: str, kind: str, arguments: str, what: str) -> Change:
    """Return the addition of a field that only PostgreSQL has."""
    change = required(name, kind, arguments, what, databases=("postgresql",))
    head = "from django.contrib.postgres import fields\n"
    return with_field(change, f"fields.{kind}({arguments})", head)


def with_field(change: Change, field: str, head: str) -> Change:
    """Return an addition with another field: one of a class that is not in models."""
    return dataclasses.replace(change, after=shop(order(f"added = {field}", head=head)))


def optional(name: str, kind: str, arguments: str, what: str) -> Change:
    return added(
        f"nullable-{name}",
        kind,
        f"null=True{arguments}",
        f"{what} that may be NULL",
        outcome=AS_DJANGO,
        why=NULLS,
    )


def filled(name: str, kind: str, arguments: str, what: str, head: str = "") -> Change:
    return added(
        f"{name}-with-db-default",
        kind,
        arguments,
        f"{what} with a default of the database",
        head,
        outcome=AS_DJANGO,
        why=FILLED,
    )


def asked(
    name: str, kind: str, arguments: str, what: str, *answers: str, **more
) -> Change:
    """Return an addition for which makemigrations asks for a one-off default."""
    return added(
        f"{name}-with-one-off-default",
        kind,
        arguments,
        f"{what} without a default, and answer with a one-off one",
        answers=("1", *answers),
        **more,
    )


ZONES = (
    "The old version's INSERT leaves the column out. PostgreSQL fills in the local "
    "date or time; elsewhere only UTC is known, and it is NULL until after the deploy."
)
OWN = (
    "The old version's INSERT leaves the column out, and only the field knows what it "
    "would write: it is NULL until the field fills it after the deploy."
)
ENCODED = """
class EncodedField(models.TextField):
    def get_prep_value(self, value):
        return value and value[::-1]

    def from_db_value(self, value, expression, connection):
        return value and value[::-1]

"""

CHANGES = [
    required("integer", "IntegerField", "default=0", "integer"),
    required("big-integer", "BigIntegerField", "default=0", "big integer"),
    required("small-integer", "SmallIntegerField", "default=0", "small integer"),
    required("positive", "PositiveIntegerField", "default=1", "positive integer"),
    required("char", "CharField", "max_length=20, default='new'", "text"),
    required("blank-char", "CharField", "max_length=20, blank=True", "blank text"),
    anywhere("text", "TextField", "default=''", "text of any length"),
    required("slug", "SlugField", "default='none'", "slug"),
    required("email", "EmailField", "default='a@example.com'", "email address"),
    required("url", "URLField", "default=''", "URL"),
    required("boolean", "BooleanField", "default=False", "flag"),
    required("float", "FloatField", "default=0.5", "float"),
    required(
        "decimal", "DecimalField", "max_digits=12, decimal_places=2, default=0", "price"
    ),
    anywhere(
        "date",
        "DateField",
        "default=timezone.localdate",
        "date",
        TIMEZONE,
        why=ZONES,
        nulls=("sqlite", "mysql"),
    ),
    required("time", "TimeField", "default='12:00'", "time"),
    anywhere(
        "datetime", "DateTimeField", "default=timezone.now", "time stamp", TIMEZONE
    ),
    anywhere("auto-now", "DateTimeField", "auto_now=True", "time of the last change"),
    anywhere(
        "duration",
        "DurationField",
        "default=datetime.timedelta",
        "duration",
        "import datetime\n",
    ),
    anywhere(
        "uuid",
        "UUIDField",
        "default=uuid.uuid4",
        "UUID",
        UUID,
        nulls=("sqlite", "mysql"),
    ),
    anywhere(
        "unique-uuid",
        "UUIDField",
        "default=uuid.uuid4, unique=True",
        "unique UUID",
        UUID,
        nulls=("sqlite", "mysql"),
    ),
    required(
        "unique-code",
        "CharField",
        "max_length=20, default=code, unique=True",
        "unique text with a callable default",
        CODE,
        why=CALLED,
        nulls=EVERYWHERE,
    ),
    anywhere("json-object", "JSONField", "default=dict", "JSON object"),
    anywhere("json-list", "JSONField", "default=list", "JSON list"),
    anywhere(
        "json-constant",
        "JSONField",
        "default=settings",
        "JSON object of a callable",
        "def settings():\n    return {'size': 1}\n",
        why=CALLED,
        nulls=EVERYWHERE,
    ),
    of_postgresql(
        "array", "ArrayField", "models.IntegerField(), default=list", "array"
    ),
    of_postgresql(
        "array-of-arrays",
        "ArrayField",
        "fields.ArrayField(models.CharField(max_length=9)), default=list",
        "array of arrays",
    ),
    anywhere(
        "text-with-signs",
        "TextField",
        "default='100% \\'\\\\\"'",
        "text with signs that SQL has a meaning for",
    ),
    with_field(
        anywhere(
            "encoded-text",
            "",
            "",
            "text that the field encodes",
            why=OWN,
            nulls=EVERYWHERE,
        ),
        "EncodedField(default='abc')",
        ENCODED,
    ),
    anywhere("binary", "BinaryField", "default=b''", "binary"),
    required("file", "FileField", "blank=True", "file"),
    required(
        "ip-address", "GenericIPAddressField", "default='127.0.0.1'", "IP address"
    ),
    required(
        "choice",
        "CharField",
        "max_length=5, choices=[('a', 'A'), ('b', 'B')], default='a'",
        "choice",
    ),
    required(
        "indexed-integer", "IntegerField", "default=0, db_index=True", "indexed integer"
    ),
    asked("integer", "IntegerField", "", "an integer", "0"),
    asked("char", "CharField", "max_length=20", "a text", "''"),
    asked("date", "DateField", "", "a date", "timezone.now().date()"),
    asked(
        "auto-now-add",
        "DateTimeField",
        "auto_now_add=True",
        "the time of creation",
        "",
        databases=EVERYWHERE,
    ),
    asked(
        "date-of-creation",
        "DateField",
        "auto_now_add=True",
        "the date of creation",
        "",
        databases=EVERYWHERE,
        why=ZONES,
        nulls=("sqlite", "mysql"),
    ),
    asked(
        "time-of-creation",
        "TimeField",
        "auto_now_add=True",
        "the time of day of creation",
        "",
        databases=EVERYWHERE,
        why=ZONES,
        nulls=("sqlite", "mysql"),
    ),
    optional("integer", "IntegerField", "", "an integer"),
    optional("char", "CharField", ", max_length=20", "a text"),
    optional("json", "JSONField", "", "JSON"),
    optional("unique-uuid", "UUIDField", ", unique=True", "a unique UUID"),
    filled("integer", "IntegerField", "db_default=0", "an integer"),
    filled("boolean", "BooleanField", "db_default=True", "a flag"),
    filled("char", "CharField", "max_length=9, db_default='new'", "a text"),
    filled("datetime", "DateTimeField", "db_default=Now()", "a time stamp", NOW),
    filled(
        "integer-and-default",
        "IntegerField",
        "default=0, db_default=0",
        "an integer with a default of the code and one",
    ),
    added(
        "generated",
        "GeneratedField",
        "expression=models.F('number'), output_field=models.IntegerField(), "
        "db_persist=True",
        "a generated field",
        outcome=AS_DJANGO,
        why="The database computes the column whichever version writes the row.",
    ),
]
