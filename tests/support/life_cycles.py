"""
The life of a project: releases, and all that people do to its database.

Each version has a folder of its own, as each image has. What is remembered here is what
the database cannot know: which versions are serving, and what is rolled out.
"""

from __future__ import annotations

import datetime
import io
import re
import shutil
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.executor.ledger import Ledger
from tests.support.databases import forget
from tests.support.orders import (
    ABORT,
    ORDER,
    PK,
    POST,
    PRE,
    Crash,
    Crashing,
    backdate,
    unapplied,
)
from tests.support.projects import Project, physical

WEEK = datetime.timedelta(days=7)
APPLYING = re.compile(r"^  (?:Applying|Unapplying) (.+?)\.\.\.", re.MULTILINE)
PLANNED = re.compile(r"^(\w+\.\w+(?: \([a-z ]+\))?)", re.MULTILINE)
BLOCKED = "This deploy cannot be rolled out"
KINDS: dict[str, Any] = {
    "null": lambda: models.IntegerField(null=True),
    "required": lambda: models.IntegerField(default=7),
    "text": lambda: models.CharField(max_length=9, default="x"),
}


class Version:
    """An image: a folder with all migrations up to a release."""

    def __init__(self, number: int, folder: Path, before: Version | None):
        self.number = number
        self.fields: dict[str, str] = {}
        if before is None:
            folder.mkdir()
        else:
            shutil.copytree(before.project.folder, folder)
            self.fields = dict(before.fields)
        self.project = Project(folder)
        self.project.apps = list(before.project.apps) if before else []
        self.project.settings = {"MIGRATION_BRIDGE": "all"}
        self.count = before.count if before else 1
        self.changes: list[str] = []

    def write(self, kind: str, draw: Any) -> None:
        """Write one more migration, of a kind."""
        operation = getattr(self, f"_{kind}")(draw)
        if operation is None:
            return
        self.count += 1
        attributes: dict[str, Any] = {"atomic": draw([True, False])}
        if kind == "remove_later":
            attributes["stage_delay"] = WEEK
        name = f"{self.count:04}"
        self.project.write("shop", name, operation, **attributes)
        self.changes.append(f"{name} {operation.describe()} {attributes}")

    def _add(self, draw: Any) -> Any:
        free = [each for each in "abc" if each not in self.fields]
        if not free:
            return None
        name, kind = draw(free), draw(sorted(KINDS))
        self.fields[name] = kind
        return migrations.AddField("order", name, KINDS[kind]())

    def _remove(self, draw: Any) -> Any:
        if not self.fields:
            return None
        name = draw(sorted(self.fields))
        del self.fields[name]
        return migrations.RemoveField("order", name)

    _remove_later = _remove

    def _alter(self, draw: Any) -> Any:
        numbers = [each for each, kind in self.fields.items() if kind != "text"]
        if not numbers:
            return None
        name = draw(sorted(numbers))
        kind = "required" if self.fields[name] == "null" else "null"
        self.fields[name] = kind
        return migrations.AlterField("order", name, KINDS[kind]())

    def models(self) -> Any:
        """Return the models as this version has them."""
        with self.project.active():
            loader = MigrationLoader(None)
            return loader.project_state().apps


class Life:
    """The database, and what goes on around it."""

    def __init__(self, folder: Path, databases: Any, alias: str):
        self.folder, self.databases, self.alias = folder, databases, alias
        databases.empty(alias)
        first = Version(0, folder / "v0", None)
        first.project.write("shop", "0001_initial", ORDER)
        self.versions = [first]
        self.serving = {0}
        # The newest version whose pre-deploy has come to its end.
        self.prepared = 0
        self.log: list[str] = []
        self.call(0)

    @property
    def current(self) -> int:
        """The version that is served, or the older one during a roll-out."""
        return min(self.serving)

    def release(self, kinds: list[str], draw: Any) -> None:
        """Make one more version."""
        last = self.versions[-1]
        number = len(self.versions)
        version = Version(number, self.folder / f"v{number}", last)
        for kind in kinds:
            version.write(kind, draw)
        self.versions.append(version)
        self.log.append(f"version {number}: {'; '.join(version.changes)}")

    # Commands.

    def call(self, number: int, *arguments: str) -> str:
        """Run migrate from an image."""
        return self.versions[number].project.migrate(*arguments, database=self.alias)

    def attempt(self, image: int | Version, *arguments: str) -> tuple[int, str]:
        """Run migrate from an image; return its exit code and what it says."""
        version = self.versions[image] if isinstance(image, int) else image
        out = io.StringIO()
        options = {"allow_loss": True} if ABORT in arguments else {}
        code = 0
        with version.project.active():
            try:
                call_command(
                    "migrate", *arguments, database=self.alias, stdout=out, **options
                )
            except CommandError as error:
                code = 1
                out.write(str(error))
            except SystemExit as exit:
                code = int(exit.code or 0)
        name = f"v{image}" if isinstance(image, int) else "hotfix"
        self.log.append(f"{name} {' '.join(arguments) or 'plain'} -> {code}")
        return code, out.getvalue()

    def kill(self, number: int, statement: int, *arguments: str) -> bool:
        """Run migrate from an image, killed at a statement; tell whether it was."""
        crashing = Crashing(statement)
        try:
            with connections[self.alias].execute_wrapper(crashing):
                self.attempt(number, *arguments)
        except Crash:
            self.log.append(f"v{number} {' '.join(arguments)} killed at {statement}")
        finally:
            forget(self.alias)
        return crashing.crashed

    def run(self, number: int, *arguments: str) -> tuple[int, str]:
        """
        Run migrate from an image, after it was asked what it would do.

        What it says with --plan is what it does.
        """
        planned, plan = self.attempt(number, *arguments, "--plan")
        checked, _ = (
            self.attempt(number, *arguments, "--check")
            if not set(arguments) & {ABORT}
            else (planned, "")
        )
        before = self.state()
        code, out = self.attempt(number, *arguments)
        done = APPLYING.findall(out)
        expected = PLANNED.findall(plan.partition("Deferred")[0])
        told = f"{self.story()}\n{plan}\n---\n{out}"
        if "no value there" not in out:
            assert (planned != 0) == (code != 0), told
        if planned != 0:
            assert checked != 0, told
        if code == 0:
            assert done == expected, told
            is_told = PRE in arguments or ABORT in arguments
            assert is_told or (checked != 0) == bool(done), told
        elif "failed" not in out:
            assert self.state() == before, told
        return code, out

    def state(self) -> Any:
        """Return what the database has, rows and the time of a change apart."""
        history = MigrationRecorder(connections[self.alias]).applied_migrations()
        return (
            physical(self.alias),
            sorted(history),
            Ledger(connections[self.alias]).record,
        )

    @property
    def record(self) -> Any:
        return Ledger(connections[self.alias]).record

    def pass_time(self) -> None:
        """Let what is held be held no longer."""
        moment = datetime.datetime.now(datetime.timezone.utc) - 2 * WEEK
        recorder = MigrationRecorder(connections[self.alias])
        recorder.migration_qs.update(applied=moment)
        backdate(self.alias, moment)
        self.log.append("two weeks pass")

    # What must always hold.

    def check(self) -> None:
        """Assert that all that serve do, and that each of them can be started again."""
        for number in sorted(self.serving):
            self.assert_works(number)
            for arguments in ([PRE, "--check"], [PRE, "--plan"], [PRE]):
                code, out = self.attempt(number, *arguments)
                assert code == 0, f"{self.story()}\n{out}"
            assert "Applying" not in out, f"{self.story()}\n{out}"

    def assert_works(self, number: int) -> None:
        """Assert that a version reads and writes as it does at home."""
        model = self.versions[number].models().get_model("shop", "Order")
        rows = model.objects.using(self.alias)
        try:
            with transaction.atomic(using=self.alias):
                row = rows.create(code="a")
                list(rows.all())
                row.refresh_from_db()
                row.save(using=self.alias)
                rows.filter(pk=row.pk).update(code="b")
                rows.get(pk=row.pk).delete()
                transaction.set_rollback(True, using=self.alias)
        except DatabaseError as error:
            raise AssertionError(f"v{number}: {error}\n{self.story()}") from error

    def assert_hotfix_is_told(self) -> None:
        """Assert that a version with a migration of its own is told what it can do."""
        serving = self.versions[max(self.serving)]
        folder = self.folder / "hotfix"
        shutil.rmtree(folder, ignore_errors=True)
        hotfix = Version(serving.number, folder, serving)
        hotfix.project.write("blog", "0001", migrations.CreateModel("Post", [PK]))
        before = self.state()
        for arguments in ([PRE], [POST], []):
            for look in ("--plan", "--check"):
                _, out = self.attempt(hotfix, *arguments, look)
                is_refused = "cannot be applied" in out
                assert not is_refused or "migrate --post-deploy" in out, self.story()
        assert self.state() == before, self.story()

    def story(self) -> str:
        """Return what has happened, for people."""
        lines = [*self.log, f"serving {self.serving}", str(self.record)]
        return "\n".join(lines)

    def finish(self) -> None:
        """
        Roll out the newest version and finish it, as a straight migrate would end.

        Following the advice gets there within three commands.
        """
        newest = len(self.versions) - 1
        self.serving = {self.current} if self.current != newest else {newest}
        if self.serving != {newest}:
            self.follow(newest, PRE)
            self.serving.add(newest)
            self.check()
            self.serving = {newest}
        project = self.versions[newest].project
        # Each of what is held waits for the time after the one before it.
        for _ in range(self.versions[newest].count):
            self.pass_time()
            self.follow(newest, POST)
            if not unapplied(project, self.alias):
                break
        assert unapplied(project, self.alias) == [], self.story()
        assert not self.record.is_under_way, self.story()
        found = physical(self.alias)
        self.databases.empty(self.alias)
        project.stock_migrate(database=self.alias, verbosity=0)
        assert found == physical(self.alias), self.story()

    def interrupt(self, number: int) -> bool:
        """
        Serve nothing for a while, and migrate without a stage.

        So it is advised for what cannot be rolled out as it is written.
        """
        code, _ = self.run(number)
        self.serving = {number}
        return code == 0

    def follow(self, number: int, *arguments: str) -> None:
        """Run a command, and what is advised if it is refused, until it is not."""
        told = []
        for _ in range(4):
            code, out = self.run(number, *arguments)
            if code == 0:
                return
            if BLOCKED in out and self.interrupt(number):
                return
            if "by its stage_delay" in out:
                code, _ = self.run(self.current)
                assert code == 0, self.story()
                continue
            told.append(out)
            advised = next(
                (each for each in (POST, PRE) if f"migrate {each}" in out), None
            )
            assert advised, f"{self.story()}\n{out}"
            assert advised not in arguments, f"{self.story()}\n{out}"
            code, more = self.run(number, advised)
            told.append(more)
            self.check()
        raise AssertionError(f"{self.story()}\n" + "\n---\n".join(told))
