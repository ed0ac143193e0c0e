"""
Images of a project: folders, each with the code of a version, run by processes.

A process is outside of the tests' environment, has one database, its default, and
says what ``manage.py`` would.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.checks.registry import registry
from django.core.management import ManagementUtility
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings, utils

from tests.support.databases import forget
from tests.support.killing import PATIENCE, Child
from tests.support.orders import ORDER, PRE
from tests.support.projects import Project, physical

# Where a migration finds the file that it waits for.
GATE = "TEST_GATE"


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a process exits with, and what it says to stdout and stderr."""

    code: int | None
    said: str


class Process(Child):
    """Runs manage.py with the code of an image."""

    code: int | None = None

    def _call(self, function: Any, arguments: Any) -> None:
        code = 70
        try:
            with self.path.open("w", buffering=1) as out:
                sys.stdout = sys.stderr = out
                try:
                    code = function(*arguments)
                except BaseException:
                    traceback.print_exc()
        finally:
            os._exit(code)

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """Return its exit code, None if it is still at work; ask as often as wanted."""
        if self.code is None:
            self.code = super().wait(seconds)
        return self.code

    def end(self, seconds: float = PATIENCE) -> Ended:
        """Wait for its end."""
        code = self.wait(seconds)
        assert code is not None, f"It does not end; it has said:\n{self.output}"
        return Ended(code, self.output)


class Image:
    """
    A version of the code in a folder of its own, and the database that it runs on.

    ``before`` is the version that it goes on from. ``settings`` are those that differ
    from the defaults, ``others`` the databases that it has beside its default.
    """

    def __init__(self, folder: Path, database: str, before: Image | None = None):
        self.database = database
        self.others: dict[str, Any] = {}
        if before is None:
            folder.mkdir()
        else:
            shutil.copytree(before.project.folder, folder)
        self.project = Project(folder)
        self.project.apps = list(before.project.apps) if before else []
        every = {"MIGRATION_BRIDGE": "all"}
        self.settings: dict[str, Any] = dict(before.settings) if before else every

    def write(self, name: str, *operations: Any, **attributes: Any) -> Path:
        """Write a migration of the shop."""
        return self.project.write("shop", name, *operations, **attributes)

    def start(
        self, *arguments: str, command: str = "migrate", answer: str = ""
    ) -> Process:
        """Start a command, which finds an answer in its stdin."""
        folder = self.project.folder.parent
        return Process(folder, self._manage, [command, *arguments], answer)

    def run(self, *arguments: str, **options: str) -> Ended:
        """Run a command, and wait for it."""
        return self.start(*arguments, **options).end()

    def passes(self, *arguments: str, **options: str) -> str:
        """Run a command that has to exit with 0; return what it says."""
        ended = self.run(*arguments, **options)
        assert ended.code == 0, f"{arguments}: {ended.said}"
        return ended.said

    def fails(self, *arguments: str, **options: str) -> str:
        """Run a command that has to be refused; return what it says."""
        ended = self.run(*arguments, **options)
        assert ended.code == 1, f"{arguments}: {ended}"
        assert "Traceback" not in ended.said, ended.said
        return ended.said

    def _manage(self, arguments: list[str], answer: str) -> int:
        leave_tests({"default": connections.settings[self.database], **self.others})
        sys.stdin = io.StringIO(answer)
        argv = ["manage.py", *arguments]
        if arguments[0] in ("migrate", "showmigrations"):
            argv += ["--no-color"]
        with self.project.active(), override_settings(**self.settings):
            try:
                ManagementUtility(argv).execute()
            except SystemExit as end:
                return int(end.code or 0)
        return 0

    def models(self) -> Any:
        """Return the models as this version has them."""
        with self.project.active():
            return MigrationLoader(None).project_state().apps

    def insert(self, **values: Any) -> Any:
        """Insert a row, as this version does; return its primary key."""
        rows = self.models().get_model("shop", "Order").objects.using(self.database)
        return rows.create(**{"code": "a", **values}).pk

    def assert_works(self) -> None:
        """Assert that this version reads and writes rows, and leave none of its own."""
        model = self.models().get_model("shop", "Order")
        rows = model.objects.using(self.database)
        with transaction.atomic(using=self.database):
            row = rows.create(code="b")
            for each in rows.all():
                each.save(using=self.database)
            row.refresh_from_db()
            rows.filter(pk=row.pk).update(code="c")
            assert rows.get(pk=row.pk).code == "c"
            row.delete(using=self.database)
            transaction.set_rollback(True, using=self.database)
        forget(self.database)


class Images:
    """Makes images, of which the first is served."""

    def __init__(self, folder: Path, databases: Any, database: str):
        self.folder, self.databases, self.database = folder, databases, database
        self.served = self.make("v0")
        self.served.write("0001_initial", ORDER)
        self.served.passes("--verbosity=0")

    def make(self, name: str, before: Image | None = None) -> Image:
        """Make an image, that goes on from another one."""
        return Image(self.folder / name, self.database, before)

    def release(self, name: str, before: Image, *operations: Any, **attributes: Any):
        """Make an image with more migrations, which are named by their numbers."""
        image = self.make(name, before)
        folder = image.project.migrations("shop")
        number = len(list(folder.glob("0*.py")))
        for each in operations:
            number += 1
            image.write(f"{number:04}", each, **attributes)
        return image

    def assert_ended(self, image: Image) -> None:
        """Assert that the database is as if Django had applied all of an image."""
        found = physical(self.database)
        self.databases.empty(self.database)
        image.project.stock_migrate(database=self.database, verbosity=0)
        expected = physical(self.database)
        assert found == expected


def leave_tests(databases: Mapping[str, Any]) -> None:
    """Be a process that no test has started, with some databases."""
    if hasattr(utils._TestState, "saved_data"):
        del utils._TestState.saved_data
    # The tests have apps that a project has not; their checks need them.
    checks = registry.registered_checks
    registry.registered_checks = {
        each for each in checks if not each.__module__.startswith("django.contrib.")
    }
    for alias in list(connections):
        forget(alias)
    configured = {alias: dict(config) for alias, config in databases.items()}
    connections.settings = connections.configure_settings(configured)


def linger(apps: Any, editor: Any) -> None:
    """Take until there is a file, in a migration."""
    sys.stdout.write("lingering\n")
    deadline = time.monotonic() + PATIENCE
    while not Path(os.environ[GATE]).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def lingering(image: Image, gate: Path, *arguments: str) -> Iterator[Process]:
    """Yield a run that waits in one of its migrations; it ends with the context."""
    os.environ[GATE] = str(gate)
    process = image.start(*(arguments or (PRE,)))
    try:
        process.wait_for("lingering")
        yield process
    finally:
        gate.touch()
        process.wait()
