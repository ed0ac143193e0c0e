"""A change of models on its way through a deployment, with both versions at work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import django
import pytest
from django.core.management.commands import makemigrations as django_makemigrations
from django.db import connections

from syzygy_like.rehearsal.inspection import difference, inspect
from tests.changes import Change, Outcome
from tests.support.deployment_code import Code
from tests.support.deployment_projects import copy, listing, run, write_models, written
from tests.support.projects import Project, applied

FIRST_TURN = ("write", "rehearse", "share", "meddle", "verify")
NEXT_TURN = ("write", "share", "meddle", "verify")


class Deployment:
    """Takes a change through its deployment on one database, step by step."""

    def __init__(self, change: Change, alias: str, folder: Path):
        self.change = change
        self.alias = alias
        self.folder = folder
        self.number = 1
        self.step = "at the start"
        self.gone: list[Any] = []
        self.codes: dict[str, Code] = {}
        self.old = Project(folder / "v1")
        write_models(self.old, change.before)
        self.succeed(run(self.old, "makemigrations"))
        self.new, self.stock = (copy(self.old, name) for name in ("v2", "stock"))
        for project in (self.new, self.stock):
            write_models(project, change.after)

    def refuse(self) -> None:
        """Expect that makemigrations writes nothing, and says why."""
        self.step = "makemigrations"
        code, output = self.makemigrations(self.new)
        if not code:
            self.fail("It is not refused.")
        if self.written():
            self.fail("It is refused, but files were written.")
        if missing := [name for name in self.change.names if name not in output]:
            self.fail(f"The output does not name {', '.join(missing)}:\n{output}")

    def generate(self) -> None:
        """Write the migrations, ours and Django's."""
        self.step = "makemigrations"
        self.succeed(self.makemigrations(self.new))
        self.succeed(self.makemigrations(self.stock, stock=True))
        code, output = run(self.new, "makemigrations", "--check")
        if code:
            self.fail(f"makemigrations --check is not clean:\n{output}")
        self.succeed(run(self.new, "check", tags=["syzygy_like"]))

    def expect_djangos_files(self) -> None:
        if self.written() != (expected := written(self.stock, self.old)):
            self.fail(f"Django writes:\n{listing(expected)}")

    def expect_split(self) -> None:
        per_app = [name.split(".")[0] for name in self.written()]
        if not any(per_app.count(label) > 1 for label in per_app):
            self.fail("Nothing is split.")

    def prepare(self) -> None:
        """Migrate the database for version 1, which goes to work."""
        self.step = "before the deploy"
        self.migrate(self.old)
        self.codes = {"old": Code(self.old), "new": Code(self.new)}
        self.turn("old", "write")

    def expand(self) -> None:
        self.step = "migrate --pre-deploy"
        self.migrate(self.new, "--pre-deploy")

    def expect_stages(self) -> None:
        """Expect that some of the migrations wait, and some do not."""
        done = set(applied(self.alias))
        new = set(self.written())
        if not new & done or not new - done:
            self.fail(f"Applied before the deploy: {sorted(new & done)}")

    def overlap(self) -> None:
        """Let both versions work in turns."""
        self.step = "in the window"
        for turn in (FIRST_TURN, NEXT_TURN):
            for version in ("old", "new"):
                self.turn(version, *turn)
        vendor = connections[self.alias].vendor
        if self.change.outcome is Outcome.SPLIT and vendor not in self.change.nulls:
            self.turn("new", "complete")

    def contract(self) -> None:
        self.step = "migrate --post-deploy"
        self.turn("old", "survey")
        self.turn("new", "remember")
        self.codes.pop("old").stop()
        self.migrate(self.new, "--post-deploy")
        self.step = "after the deploy"
        self.turn("new", "recall", "verify", *FIRST_TURN)
        self.codes.pop("new").stop()
        self.migrate(self.new, "--check")

    def compare(self, databases: Any) -> None:
        """Expect the schema that Django's own migrations lead to."""
        self.step = "comparing the schemas"
        ours = inspect(self.alias)
        databases.empty(self.alias)
        self.migrate(self.stock)
        if found := difference(ours, inspect(self.alias)):
            self.fail(f"The schema is not Django's:\n{found}")

    def stop(self) -> None:
        while self.codes:
            self.codes.popitem()[1].stop()

    def turn(self, version: str, *steps: str) -> None:
        """Let a version work, and fail if it does."""
        request = {
            "alias": self.alias,
            "steps": steps,
            "number": self.number,
            "gone": self.gone,
            "tidy": self.change.tidy,
            "kept": list(self.change.kept),
            "volatile": self.change.volatile,
            "protected": self.change.protected if version == "old" else (),
            "intact": bool(self.change.protected),
            "dangling": self.change.dangling or django.VERSION < (6, 1),
        }
        reply = self.codes[version].ask(request)
        if failures := reply["failures"]:
            more = [f"... and {len(failures) - 8} more"] if len(failures) > 8 else []
            lines = [f"  {each}" for each in (*failures[:8], *more)]
            self.fail("\n".join([f"The {version} code fails:", *lines]))
        self.number = reply["number"]
        self.gone += reply["deleted"]

    def makemigrations(self, project: Project, stock: bool = False) -> tuple[Any, str]:
        """Write migrations, with the answers of the change."""
        command = django_makemigrations.Command() if stock else "makemigrations"
        return run(project, command, answers=self.change.answers)

    def migrate(self, project: Project, *arguments: str) -> None:
        self.succeed(run(project, "migrate", *arguments, database=self.alias))

    def succeed(self, outcome: tuple[Any, str]) -> None:
        code, output = outcome
        if code:
            self.fail(f"Exit code {code}:\n{output}")

    def written(self) -> dict[str, str]:
        """Return the migrations that makemigrations wrote, by app and name."""
        return written(self.new, self.old)

    def fail(self, message: str) -> NoReturn:
        title = f"{self.change} on {connections[self.alias].vendor}, {self.step}:"
        lines = [title, message, "", listing(written(self.new, self.old))]
        pytest.fail("\n".join(lines), pytrace=False)
