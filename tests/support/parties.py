"""Parties of a quorum, each a process of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

import syzygy_like.management.migrate.guarded  # noqa: F401 - once here rather than in each process
from syzygy_like.safeguards.locking.vendors import database_name
from syzygy_like.safeguards.quorum import participant
from syzygy_like.safeguards.quorum.database_store import SUFFIX, DatabaseStore
from syzygy_like.safeguards.quorum.meeting import Meetings
from tests.support.databases import forget
from tests.support.projects import Project

# How long what a test waits for may take at most, in seconds.
PATIENCE = 60
# How often parties look, and after what time they take others for dead where a test
# has somebody die. The living may be taken for dead then, which must not matter.
INTERVAL = 0.02
SHORT_SILENCE = 0.5

MIGRATION = """\
import os
import signal
import time
from pathlib import Path

from django.db import migrations

HERE = Path({folder!r})


def first():
    with (HERE / "applied").open("a") as file:
        file.write("*")
    return (HERE / "applied").read_text() == "*"


def wait_to_go_on():
    deadline = time.monotonic() + {patience}
    while not (HERE / "go-on").exists() and time.monotonic() < deadline:
        time.sleep({interval})


def carry_out(apps, schema_editor):
{body}


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(carry_out, migrations.RunPython.noop)]
"""


def wait_until(is_there: Callable[[], Any]) -> bool:
    """Wait until a function returns something; tell whether it did in time."""
    deadline = time.monotonic() + PATIENCE
    while not is_there():
        if time.monotonic() > deadline:
            return False
        time.sleep(INTERVAL)
    return True


@dataclasses.dataclass
class Party:
    """A process that runs migrate, and what it has printed."""

    name: str
    pid: int
    output: Path
    status: int | None = None

    @property
    def said(self) -> str:
        return self.output.read_text()

    def says(self, text: str) -> None:
        """Wait until it says something."""
        wait_until(lambda: text in self.said or self.has_ended())
        assert text in self.said, f"{self.name} has said:\n{self.said}"

    def ends(self) -> int:
        """Wait for it to end; return what it exits with, less than 0 if killed."""
        if not wait_until(self.has_ended):
            pytest.fail(f"{self.name} does not end; it has said:\n{self.said}")
        return os.waitstatus_to_exitcode(self.status)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.ends() == -signal.SIGKILL

    def has_ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None


class Parties:
    """Starts parties that migrate a database with the code of a project."""

    def __init__(self, project: Project, database: str):
        self.project = project
        self.database = database
        self.silence = participant.SILENCE
        self.started: list[Party] = []

    def write(self, body: str) -> None:
        """Write a migration that does something; see MIGRATION for what it can use."""
        text = MIGRATION.format(
            folder=str(self.project.folder),
            patience=PATIENCE,
            interval=INTERVAL,
            body=textwrap.indent(body, "    "),
        )
        self.project.write_source("shop", "0002_work", text)

    def go_on(self) -> None:
        """Let a migration go on that waits for it."""
        (self.project.folder / "go-on").touch()

    @property
    def times(self) -> int:
        """How often the migration was begun."""
        path = self.project.folder / "applied"
        return len(path.read_text()) if path.exists() else 0

    def start(self, name: str, *arguments: str, **options: Any) -> Party:
        """Start a party; by default three are wanted."""
        forget(self.database)  # a connection is not to be shared
        output = self.project.folder / f"{len(self.started)}.txt"
        output.touch()
        options.setdefault("quorum", 3)
        options.setdefault("quorum_timeout", PATIENCE)
        pid = os.fork()
        if not pid:
            self._run(output, arguments, {"party": name, **options})
        party = Party(name, pid, output)
        self.started.append(party)
        return party

    def start_all(self, *arguments: str, **options: Any) -> list[Party]:
        """Start as many as are wanted."""
        return [self.start(name, *arguments, **options) for name in ("a", "b", "c")]

    def _run(self, output: Path, arguments: tuple[str, ...], options: Any) -> None:
        """Run migrate, as a process of its own does. Does not return."""
        code = 70
        try:
            participant.INTERVAL, participant.SILENCE = INTERVAL, self.silence
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with output.open("w", buffering=1) as out:
                code = self._call(out, arguments, options)
        finally:
            os._exit(code)

    def _call(self, out: Any, arguments: tuple[str, ...], options: Any) -> int:
        options.setdefault("database", self.database)
        try:
            with self.project.active():
                call_command("migrate", *arguments, stdout=out, **options)
        except CommandError as error:
            out.write(f"CommandError: {error}\n")
            return error.returncode
        except SystemExit as error:
            return int(error.code)
        except BaseException as error:
            out.write(f"{type(error).__name__}: {error}\n")
            return 130 if isinstance(error, KeyboardInterrupt) else 71
        return 0

    def end(self) -> None:
        """End those that a test has left."""
        for each in self.started:
            if not each.has_ended():
                each.kill()


@contextlib.contextmanager
def table_of(database: str) -> Iterator[DatabaseStore]:
    """Yield the table that parties meet in."""
    with contextlib.closing(DatabaseStore(database)) as table:
        yield table


def meetings(database: str) -> Meetings:
    """Return what parties have agreed on in the database."""
    with table_of(database) as table:
        return table.change(lambda each: each)


def members(database: str) -> list[str]:
    """Return who is at any meeting in the database."""
    return [
        each.party for found in meetings(database).meetings for each in found.members
    ]


def remove_meetings(database: str) -> None:
    """Remove what is beside a database of SQLite."""
    connection = connections[database]
    if connection.vendor == "sqlite":
        path = f"{database_name(connection)}{SUFFIX}"
        for suffix in ("", "-journal"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    forget(database)
