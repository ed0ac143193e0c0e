"""How fast a backfill is and what it takes, beside one UPDATE and beside a loop."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.project import MANAGE, SETTINGS, environment

OURS = "syzygy_like"
# A loop is so slow that so many rows have to do.
LOOPED = 10_000

MODELS = """\
from django.db import models


class Item(models.Model):
    price = models.IntegerField()
    quantity = models.IntegerField()
    note = models.CharField(max_length=100)
    total = models.IntegerField(null=True)
"""
MIGRATION = """\
from django.db import migrations, models
from django.db.models import F, Q

from syzygy_like.operations import Backfill


def update(apps, schema_editor):
    items = apps.get_model("shop", "Item").objects
    items.filter(total=None).update(total=F("price") * F("quantity"))


def loop(apps, schema_editor):
    for item in apps.get_model("shop", "Item").objects.filter(total=None).iterator():
        item.total = item.price * item.quantity
        item.save()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0001_initial")]
    operations = [OPERATION]
"""
TOTAL = '{"total": F("price") * F("quantity")}, where=Q(total=None)'
OPERATIONS = {
    "one UPDATE": "migrations.RunPython(update)",
    "Backfill": f'Backfill("Item", {TOTAL})',
    "iterator, save()": "migrations.RunPython(loop)",
}
# Makes rows out of rows, for that is the same SQL everywhere.
FILL = """
from django.core.management import call_command
from django.db import connection
cursor = connection.cursor()
if "shop_item" in connection.introspection.table_names():
    cursor.execute("DROP TABLE shop_item")
    cursor.execute("DELETE FROM django_migrations WHERE app = 'shop'")
call_command("migrate", "shop", "0001", verbosity=0)
names = "price, quantity, note"
note = "x" * 100
cursor.execute(f"INSERT INTO shop_item ({names}) VALUES (1, 2, '{note}')")
count = 1
while count < ROWS:
    more = min(count, ROWS - count)
    select = f"SELECT {names} FROM shop_item LIMIT {more}"
    cursor.execute(f"INSERT INTO shop_item ({names}) {select}")
    count += more
if connection.vendor == "postgresql":
    cursor.execute("VACUUM ANALYZE shop_item")
    cursor.execute("CHECKPOINT")
"""
RUN = """
import json, resource, time
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
connection.ensure_connection()
MigrationLoader(connection)
memory = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = memory(), time.perf_counter()
call_command("migrate", "shop", verbosity=0)
elapsed = time.perf_counter() - start
print(json.dumps([elapsed, memory() - before]))
cursor = connection.cursor()
cursor.execute("SELECT COUNT(*) FROM shop_item WHERE total IS NULL")
assert cursor.fetchone() == (0,)
"""
# Updates rows as a server would, and tells the longest that it had to wait.
PROBE = """
import random, sys, time
from pathlib import Path
from django.db import connection
cursor, longest = connection.cursor(), 0.0
end = Path("end")
while not end.exists():
    key = random.randint(1, ROWS)
    start = time.perf_counter()
    cursor.execute("UPDATE shop_item SET price = price WHERE id = %s", [key])
    longest = max(longest, time.perf_counter() - start)
    time.sleep(0.002)
print(longest)
"""


@dataclasses.dataclass(frozen=True)
class Result:
    """Rows, seconds, megabytes that the process grew by, the longest wait for a row."""

    name: str
    rows: int
    elapsed: float
    memory: float
    waited: float | None

    @property
    def speed(self) -> float:
        """Rows in a second."""
        return self.rows / self.elapsed


class Shop:
    """A project with one model, whose rows are to be filled."""

    def __init__(self, folder: Path, database: dict[str, Any]):
        self.folder = folder
        (folder / "shop" / "migrations").mkdir(parents=True)
        for package in (folder / "shop", folder / "shop" / "migrations"):
            (package / "__init__.py").touch()
        (folder / "shop" / "models.py").write_text(MODELS)
        (folder / "settings.py").write_text(SETTINGS.format(apps='    "shop",'))
        (folder / "manage.py").write_text(MANAGE)
        (folder / "database.json").write_text(json.dumps(database))
        self._call("makemigrations", "shop")

    def measure(self, name: str, rows: int, probes: bool) -> Result:
        """Fill rows in one of the ways."""
        path = self.folder / "shop" / "migrations" / "0002_fill.py"
        path.unlink(missing_ok=True)
        self._shell(FILL, rows)
        path.write_text(MIGRATION.replace("OPERATION", OPERATIONS[name]))
        end = self.folder / "end"
        end.unlink(missing_ok=True)
        probe = with_rows(PROBE, rows)
        probing = [self._start("shell", "--command", probe)] if probes else []
        try:
            elapsed, memory = json.loads(self._shell(RUN, rows))
        finally:
            end.touch()
        waited = [float(each.communicate()[0].splitlines()[-1]) for each in probing]
        return Result(name, rows, elapsed, memory, max(waited, default=None))

    def _shell(self, code: str, rows: int) -> str:
        printed = self._call("shell", "--command", with_rows(code, rows))
        return (printed.splitlines() or [""])[-1]

    def _call(self, *arguments: str) -> str:
        process = self._start(*arguments)
        printed, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{arguments} failed: {printed}")
        return printed

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=environment(OURS),
            stdout=subprocess.PIPE,
            text=True,
        )


def with_rows(code: str, rows: int) -> str:
    """Return code that knows how many rows there are."""
    return f"ROWS = {rows}\n{code}"


def backfill(folder: Path, database: dict[str, Any], rows: int) -> Iterator[Result]:
    """Fill a table in each of the ways, the loop only a part of it."""
    shop = Shop(folder, database)
    # A file has one writer at a time, who would keep the other one out.
    probes = "sqlite" not in database["ENGINE"]
    for name in OPERATIONS:
        part = min(rows, LOOPED) if "save" in name else rows
        yield shop.measure(name, part, probes)
