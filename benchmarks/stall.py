"""How long traffic stands still behind a migration that waits for a lock."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparisons import OURS
from benchmarks.project import CommandFailedError, Project, finished, last_line

READ = "SELECT name FROM app_000_customer WHERE id = 1"
WRITE = "UPDATE app_000_customer SET name = name WHERE id = 1"
LIMITS = ("--lock-timeout", "100ms", "--lock-retries", "100")
PATIENCE = 60

MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("app_000", "0001_initial")]
    operations = [
        migrations.AddField("customer", "note", models.TextField(null=True)),
    ]
"""
# Each process says that it is ready by making a file, its first argument.
START = """
import sys, time
from pathlib import Path
import django
django.setup()
from django.db import connection, transaction
cursor = connection.cursor()
name, *arguments = sys.argv[1:]
def wait_for(name):
    while not Path(name).exists():
        time.sleep(0.01)
"""
FILL = """
import django
django.setup()
from django.apps import apps
from django.core.management import call_command
call_command("migrate", "app_000", verbosity=0)
apps.get_model("app_000", "Customer").objects.create(id=1, name="x", code="x")
"""
# Asks as a server would, and tells the longest that it had to wait.
PROBE = """
(statement,) = arguments
cursor.execute(statement)
longest = 0.0
Path(name).touch()
while not Path("end").exists():
    start = time.perf_counter()
    cursor.execute(statement)
    longest = max(longest, time.perf_counter() - start)
    time.sleep(0.002)
connection.close()
print(longest)
"""
IDLE = """
statement, seconds = arguments
with transaction.atomic():
    cursor.execute(statement)
    Path(name).touch()
    wait_for("go")
    time.sleep(float(seconds))
"""
MIGRATE = """
from django.core.management import call_command
call_command("migrate", "app_000", "0001", verbosity=0)
Path(name).touch()
wait_for("go")
start = time.perf_counter()
call_command("migrate", "app_000", *arguments, verbosity=0)
print(time.perf_counter() - start)
"""


@dataclasses.dataclass
class Way:
    """
    A way to migrate, None not to, and seconds that it took, round by round.

    ``reads`` and ``writes`` are the longest that one of them had to wait.
    """

    name: str
    arguments: Sequence[str] | None = ()
    app: str = ""
    reads: list[float] = dataclasses.field(default_factory=list)
    writes: list[float] = dataclasses.field(default_factory=list)
    elapsed: list[float] = dataclasses.field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest stall of all, in seconds."""
        return max(*self.reads, *self.writes)

    @property
    def took(self) -> float:
        """The seconds that the migration took, the median."""
        return statistics.median(self.elapsed)


def ways() -> list[Way]:
    """Return what is compared: what there is anyhow, Django, and ours."""
    return [
        Way("no migration", None),
        Way("Django"),
        Way("--lock-timeout", LIMITS, OURS),
    ]


class Site:
    """A project with a table that is in use."""

    def __init__(self, folder: Path, database: dict[str, Any], idle: float):
        self.idle = idle
        self.project = Project(folder)
        self.project.create(1)
        self.project.use(database)
        finished(self.project.start("-c", FILL))
        migrations = folder / "app_000" / "migrations"
        (migrations / "0002_note.py").write_text(MIGRATION)

    def measure(self, way: Way) -> None:
        """Migrate once, while a session sits idle in its transaction."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._clear)
            migrating = None
            if way.arguments is not None:
                arguments = ("migrate", *way.arguments)
                migrating = self._start(stack, MIGRATE, *arguments, app=way.app)
            reading = self._start(stack, PROBE, "read", READ)
            writing = self._start(stack, PROBE, "write", WRITE)
            idling = self._start(stack, IDLE, "idle", READ, str(self.idle))
            self._file("go").touch()
            if migrating:
                way.elapsed.append(float(last_line(migrating)))
            finished(idling)
            self._file("end").touch()
            way.reads.append(float(last_line(reading)))
            way.writes.append(float(last_line(writing)))

    def _start(
        self, stack: contextlib.ExitStack, code: str, *arguments: str, app: str = ""
    ) -> subprocess.Popen[str]:
        """Start a process, and wait until it is ready."""
        process = self.project.start("-c", START + code, *arguments, app=app)
        stack.enter_context(process)  # in the end it waits
        stack.callback(process.kill)
        deadline = time.monotonic() + PATIENCE
        while not self._file(arguments[0]).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise CommandFailedError(process.communicate()[0])
            time.sleep(0.01)
        return process

    def _file(self, name: str) -> Path:
        return self.project.folder / name

    def _clear(self) -> None:
        for name in ("migrate", "read", "write", "idle", "go", "end"):
            self._file(name).unlink(missing_ok=True)


def stall(
    folder: Path,
    database: dict[str, Any],
    compared: list[Way],
    idle: float,
    rounds: int,
) -> None:
    """
    Measure ways to migrate, in turns.

    ``idle`` is for how many seconds a session sits idle in a transaction that has read
    the table.
    """
    site = Site(folder, database, idle)
    for _ in range(rounds):
        for way in compared:
            site.measure(way)
