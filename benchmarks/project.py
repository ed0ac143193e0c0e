"""The project that is measured: an ordinary one, of any number of migrations."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.apps import App
from benchmarks.steps import write_migrations

REPOSITORY = Path(__file__).resolve().parent.parent
MIGRATIONS_PER_APP = 20
CONTRIB = ("contenttypes", "auth", "sessions")
MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    execute_from_command_line(sys.argv)
"""
SETTINGS = """\
import importlib.util
import json
import os
from pathlib import Path

SECRET_KEY = "benchmark"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {{
    "default": json.loads(Path(__file__).with_name("database.json").read_text())
}}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
{apps}
    *filter(None, [os.environ.get("EXTRA_APP")]),
]
if (
    DATABASES["default"]["ENGINE"] == "django.db.backends.mysql"
    and importlib.util.find_spec("MySQLdb") is None
):
    import pymysql

    pymysql.install_as_MySQLdb()
"""


class CommandFailedError(Exception):
    """A command that must succeed did not."""


class Project:
    """A project on disk."""

    def __init__(self, folder: Path):
        self.folder = folder

    def create(self, migrations: int) -> None:
        """Write the project, and its compiled files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        apps = []
        for first in range(0, migrations, MIGRATIONS_PER_APP):
            app = App(len(apps))
            apps.append(app.label)
            self._write_app(app, min(MIGRATIONS_PER_APP, migrations - first))
        installed = "\n".join(f'    "{label}",' for label in apps)
        (self.folder / "settings.py").write_text(SETTINGS.format(apps=installed))
        (self.folder / "manage.py").write_text(MANAGE)
        compileall.compile_dir(self.folder, quiet=2)
        engine = "django.db.backends.sqlite3"
        self.use({"ENGINE": engine, "NAME": str(self.folder / "db.sqlite3")})

    def use(self, database: dict[str, Any]) -> None:
        """Let the project have a database, given by its settings."""
        (self.folder / "database.json").write_text(json.dumps(database))

    def _write_app(self, app: App, count: int) -> None:
        folder = self.folder / app.label / "migrations"
        folder.mkdir(parents=True)
        for package in (folder.parent, folder):
            (package / "__init__.py").touch()
        for name, source in write_migrations(app, count).items():
            (folder / f"{name}.py").write_text(source)
        (folder.parent / "models.py").write_text(f"{app.source}\n")

    def apply_all(self) -> None:
        """
        Make a database on which every migration is recorded.

        Only the tables of Django's own apps are there: a ``migrate`` with nothing
        to do looks at no other, and to make them all would take very long.
        """
        for label in CONTRIB:
            self.manage("migrate", label)
        self.manage("migrate", "--fake")
        self.manage("migrate")  # makes the permissions

    def forget_last(self, limit: int) -> int:
        """Make migrations pending, the last one of each app, and return how many."""
        last = {file.parent.parent.name: file.stem for file in self.migration_files()}
        pending = list(last.items())[-limit:]
        path = self.folder / "db.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            statement = "DELETE FROM django_migrations WHERE app = ? AND name = ?"
            database.executemany(statement, pending)
        return len(pending)

    def migration_files(self) -> list[Path]:
        """Return the files of the project's migrations."""
        return sorted(self.folder.glob("*/migrations/0*.py"))

    def check_out_again(self) -> None:
        """Give every migration another time, as a fresh checkout does."""
        moment = time.time_ns()
        for path in self.migration_files():
            os.utime(path, ns=(moment, moment))

    def edit(self) -> None:
        """Change one migration."""
        with self.migration_files()[0].open("a", encoding="utf-8") as file:
            file.write("#\n")

    def change_models(self) -> None:
        """Add a required field to a model, unless it is there already."""
        path = self.migration_files()[0].parent.parent / "models.py"
        source = path.read_text()
        field = "    required = models.IntegerField(default=0)\n"
        if field not in source:
            head, line, rest = source.partition("(models.Model):\n")
            path.write_text(f"{head}{line}{field}{rest}")

    def notes(self) -> list[Path]:
        """Return the notes that the migrations are in order."""
        return list(self.folder.glob("__pycache__/*.stages.json"))

    def forget_verdict(self) -> None:
        """Let the migrations be judged as for the first time."""
        for note in self.notes():
            note.unlink()

    def manage(self, *arguments: str, app: str = "") -> str:
        """Run a command and return what it printed."""
        return finished(self.start("manage.py", *arguments, app=app))

    def start(self, *arguments: str, app: str = "") -> subprocess.Popen[str]:
        """Start Python, which finds the project's settings."""
        return subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**environment(app), "DJANGO_SETTINGS_MODULE": "settings"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a process, and return what it printed."""
    printed, _ = process.communicate()
    if process.returncode:
        raise CommandFailedError(f"{process.args} failed:\n{printed}")
    return printed


def last_line(process: subprocess.Popen[str]) -> str:
    """Wait for a process, and return the last line that it printed."""
    return finished(process).splitlines()[-1]


def environment(app: str = "") -> dict[str, str]:
    """Return the environment of a command, with one more app installed."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "EXTRA_APP": app,
        "DJANGO_COLORS": "nocolor",
    }
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # nothing would be remembered
    return variables
