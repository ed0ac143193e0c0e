"""Fields that are added, of every kind."""

from __future__ import annotations

from tests.changes.change import Change, Outcome, order, shop

AS_DJANGO, SPLIT = Outcome.AS_DJANGO, Outcome.SPLIT

OMITTED = (
    "The old code's INSERT leaves the column out, so it can do without a value until "
    "the old code is gone."
)
NULLS = "The old code leaves the column NULL."
FILLED = "The database fills in what the old code leaves out."


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


def required(name: str, kind: str, arguments: str, what: str, head: str = "") -> Change:
    return added(name, kind, arguments, f"a required {what}", head)


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


def asked(name: str, kind: str, arguments: str, what: str, *answers: str) -> Change:
    """Return an addition for which makemigrations asks for a one-off default."""
    return added(
        f"{name}-with-one-off-default",
        kind,
        arguments,
        f"{what} without a default, and answer with a one-off one",
        answers=("1", *answers),
    )


CHANGES = [
    required("integer", "IntegerField", "default=0", "integer"),
    required("big-integer", "BigIntegerField", "default=0", "big integer"),
    required("small-integer", "SmallIntegerField", "default=0", "small integer"),
    required("positive", "PositiveIntegerField", "default=1", "positive integer"),
    required("char", "CharField", "max_length=20, default='new'", "text"),
    required("blank-char", "CharField", "max_length=20, blank=True", "blank text"),
    required("text", "TextField", "default=''", "text of any length"),
    required("slug", "SlugField", "default='none'", "slug"),
    required("email", "EmailField", "default='a@example.com'", "email address"),
    required("url", "URLField", "default=''", "URL"),
    required("boolean", "BooleanField", "default=False", "flag"),
    required("float", "FloatField", "default=0.5", "float"),
    required(
        "decimal", "DecimalField", "max_digits=12, decimal_places=2, default=0", "price"
    ),
    required("date", "DateField", "default=timezone.localdate", "date", TIMEZONE),
    required("time", "TimeField", "default='12:00'", "time"),
    required(
        "datetime", "DateTimeField", "default=timezone.now", "time stamp", TIMEZONE
    ),
    required("auto-now", "DateTimeField", "auto_now=True", "time of the last change"),
    required(
        "duration",
        "DurationField",
        "default=datetime.timedelta",
        "duration",
        "import datetime\n",
    ),
    required("uuid", "UUIDField", "default=uuid.uuid4", "UUID", UUID),
    required(
        "unique-uuid",
        "UUIDField",
        "default=uuid.uuid4, unique=True",
        "unique UUID",
        UUID,
    ),
    required(
        "unique-code",
        "CharField",
        "max_length=20, default=code, unique=True",
        "unique text with a callable default",
        CODE,
    ),
    required("json-object", "JSONField", "default=dict", "JSON object"),
    required("json-list", "JSONField", "default=list", "JSON list"),
    required("binary", "BinaryField", "default=b''", "binary"),
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
        "auto-now-add", "DateTimeField", "auto_now_add=True", "the time of creation", ""
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
        why="The database computes the column whoever writes the row.",
    ),
]
