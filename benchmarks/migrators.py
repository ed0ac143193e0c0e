"""What it takes when several processes migrate one database at the same time."""

from __future__ import annotations

import collections
import dataclasses
import re
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparisons import OURS
from benchmarks.project import CONTRIB, Project, finished, last_line
from benchmarks.timing import Comparison, Variant

PENDING = 20
# An empty database, but for the tables of Django's own apps.
EMPTY = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
with connection.constraint_checks_disabled(), connection.cursor() as cursor:
    drop = connection.SchemaEditorClass.sql_delete_table
    for name in connection.introspection.table_names(cursor):
        cursor.execute(drop % {"table": connection.ops.quote_name(name)})
"""
APPLY = 'call_command("migrate", LABEL, verbosity=0)\n'
# Two that got in each other's way may have recorded one twice.
APPLIED = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "SELECT COUNT(DISTINCT name) FROM django_migrations"
        " WHERE app LIKE 'app%'"
    )
    print(cursor.fetchone()[0])
"""
# The last line of a traceback is "django.db.utils.IntegrityError: ...".
RAISED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception))\b", re.MULTILINE)


@dataclasses.dataclass
class Crowd:
    """
    Processes that migrate at the same time, and what became of them.

    ``elapsed`` are the seconds until the last one had ended, ``applied`` how many of
    the pending migrations were recorded then, round by round.
    """

    name: str
    arguments: Sequence[str]
    count: int
    app: str = ""
    nothing_to_do: bool = False
    elapsed: list[float] = dataclasses.field(default_factory=list)
    applied: list[int] = dataclasses.field(default_factory=list)
    failed: int = 0
    errors: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )

    def run(self, project: Project) -> None:
        """Let them migrate once, on a database that was made ready."""
        started = time.perf_counter()
        processes = [
            project.start("manage.py", *self.arguments, app=self.app)
            for _ in range(self.count)
        ]
        for process in processes:
            self._end(process)
        self.elapsed.append(time.perf_counter() - started)
        self.applied.append(int(last_line(project.start("-c", APPLIED))))

    def _end(self, process: subprocess.Popen[str]) -> None:
        printed, _ = process.communicate()
        if process.returncode:
            self.failed += 1
            self.errors[(RAISED.findall(printed) or ["?"])[-1]] += 1

    @property
    def runs(self) -> int:
        """How many processes there were, in all rounds."""
        return self.count * len(self.elapsed)

    def ratio(self, base: Crowd) -> float:
        """Return how many times as long as another it takes, by the median."""
        return statistics.median(self.elapsed) / statistics.median(base.elapsed)


def crowds(count: int) -> list[Crowd]:
    """Return what is compared; the first is what it costs at least."""
    lock, stage = ["migrate", "--migration-lock"], ["migrate", "--pre-deploy"]
    return [
        Crowd("1 Django", ["migrate"], 1),
        Crowd("1 --migration-lock", lock, 1, OURS),
        Crowd("1 --pre-deploy", stage, 1, OURS),
        Crowd(f"{count} Django, nothing to do", ["migrate"], count, nothing_to_do=True),
        Crowd(f"{count} Django", ["migrate"], count),
        Crowd(f"{count} --migration-lock", lock, count, OURS),
        Crowd(f"{count} --pre-deploy", stage, count, OURS),
    ]


def migrators(
    folder: Path,
    database: dict[str, Any],
    compared: list[Crowd],
    rounds: int,
    pending: int = PENDING,
) -> Project:
    """Let crowds migrate in turns. Returns their project, which has the database."""
    project = Project(folder)
    project.create(pending)
    project.use(database)
    project.manage("check", app=OURS)  # whose verdict all remember
    for _ in range(rounds):
        for crowd in compared:
            prepare(project, is_done=crowd.nothing_to_do)
            crowd.run(project)
    return project


def prepare(project: Project, is_done: bool) -> None:
    """Make the project's migrations pending, or apply them."""
    labels = [] if is_done else [*CONTRIB]
    calls = [APPLY.replace("LABEL", repr(label)) for label in labels]
    calls = calls or [APPLY.replace("LABEL, ", "")]
    finished(project.start("-c", EMPTY + "".join(calls)))


def alone(project: Project) -> Comparison:
    """Compare what the lock costs a run with nothing to do."""
    prepare(project, is_done=True)
    variants = [
        Variant("Django", ["migrate"]),
        Variant("without lock", ["migrate"], OURS),
        Variant("with lock", ["migrate", "--migration-lock"], OURS),
        Variant("--pre-deploy", ["migrate", "--pre-deploy"], OURS),
    ]
    return Comparison("migrate, nothing to do, one alone", variants)
