"""
Throw-away projects: apps whose migrations are written to files.

Each command sees the files as they are at that moment, as a new process does.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.commands import migrate as django_migrate
from django.db import connections, migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.writer import MigrationWriter, OperationWriter
from django.test import override_settings

from syzygy_like.rehearsal.inspection import physical as physical

ROOT = Path(__file__).parents[2]

MANAGE = """\
import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
sys.path.insert(0, {root!r})

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""


class Project:
    """A project in a folder. ``settings`` are those that differ from the tests'."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.apps: list[str] = []
        self.settings: dict[str, Any] = {}

    @property
    def installed(self) -> list[str]:
        """The value of INSTALLED_APPS."""
        return ["syzygy_like", *self.apps]

    def app(self, label: str, models: str = "") -> None:
        """Add an app, with the source of its models if it has any."""
        if label not in self.apps:
            self.apps.append(label)
        folder = self.folder / label
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        if models:
            (folder / "models.py").write_text(f"from django.db import models\n{models}")

    def write(
        self, app_label: str, name: str, *operations: Operation, **attributes: Any
    ) -> Path:
        """
        Write a migration, and its app if need be.

        It depends on the one before it, unless ``dependencies`` are given.
        """
        folder = self.migrations(app_label)
        names = sorted(path.stem for path in folder.glob("[0-9]*.py"))
        previous = [each for each in names if each < name]
        attributes.setdefault(
            "dependencies", [(app_label, previous[-1])] if previous else []
        )
        return self.write_source(app_label, name, source(operations, attributes))

    def write_source(self, app_label: str, name: str, text: str) -> Path:
        """Write any text in place of a migration."""
        path = self.migrations(app_label) / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return path

    def migrations(self, app_label: str) -> Path:
        """Return the folder of an app's migrations."""
        self.app(app_label)
        folder = self.folder / app_label / "migrations"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        return folder

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Install the project's apps, as they are on disk at this moment."""
        path, dont_write = list(sys.path), sys.dont_write_bytecode
        sys.path.insert(0, str(self.folder))
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        try:
            with override_settings(INSTALLED_APPS=self.installed, **self.settings):
                yield
        finally:
            sys.path[:], sys.dont_write_bytecode = path, dont_write
            self._forget()

    def _forget(self) -> None:
        here = str(self.folder)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(here):
                del sys.modules[name]
        for app in self.apps:
            if (self.folder / app).exists():
                apps.all_models.pop(app, None)
        apps.clear_cache()

    def call(self, *arguments: Any, **options: Any) -> str:
        """
        Call a command and return what it prints to stdout.

        One that takes a deploy back does not ask, unless ``allow_loss`` is False.
        """
        if "--abort-deploy" in arguments or options.get("abort_deploy"):
            options.setdefault("allow_loss", True)
        out = io.StringIO()
        with self.active():
            call_command(*arguments, stdout=out, **options)
        return out.getvalue()

    def migrate(self, *arguments: Any, database: str, **options: Any) -> str:
        """Call our migrate on a database."""
        return self.call("migrate", *arguments, database=database, **options)

    def stock_migrate(self, *arguments: Any, database: str, **options: Any) -> str:
        """Call Django's own migrate on a database."""
        command = django_migrate.Command()
        return self.call(command, *arguments, database=database, **options)

    def exit_code(self, *arguments: Any, **options: Any) -> Any:
        """Call a command and return what it exits with."""
        try:
            self.call(*arguments, **options)
        except SystemExit as exit:
            return exit.code
        return 0

    def manage(
        self, *arguments: str, settings: str = "", python: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run manage.py in a process of its own, on a database file in the folder."""
        manage = self.folder / "manage.py"
        manage.write_text(MANAGE.format(root=str(ROOT)))
        (self.folder / "site_settings.py").write_text(self._settings_source(settings))
        bytecode = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
        environ = {k: v for k, v in os.environ.items() if k not in bytecode}
        return subprocess.run(
            [sys.executable, *python, str(manage), *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
        )

    def _settings_source(self, more: str) -> str:
        database = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(self.folder / "db.sqlite3"),
        }
        lines = [
            "from syzygy_like import Stage",
            "SECRET_KEY = 'tests'",
            "USE_TZ = True",
            "DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'",
            f"INSTALLED_APPS = {self.installed!r}",
            f"DATABASES = {{'default': {database!r}}}",
            more,
        ]
        return "\n".join(lines) + "\n"


def source(operations: Any, attributes: dict[str, Any]) -> str:
    """Return the source of a migration file."""
    imports = {"from django.db import migrations, models"}
    body = []
    for name, value in attributes.items():
        text, needed = MigrationWriter.serialize(value)
        imports.update(needed)
        body.append(f"    {name} = {text}")
    body.append("    operations = [")
    for operation in operations:
        text, needed = OperationWriter(operation).serialize()
        imports.update(needed)
        body.append(text)
    body.append("    ]")
    for index, operation in enumerate(operations):
        if hasattr(operation, "stage"):
            imports.add("from syzygy_like import Stage")
            body.append(f"    operations[{index}].stage = {operation.stage}")
    head = [*sorted(imports), "", "", "class Migration(migrations.Migration):"]
    return "\n".join([*head, *body]) + "\n"


def migration(
    app_label: str, name: str, *operations: Operation, **attributes: Any
) -> migrations.Migration:
    """Return a migration that is in no file."""
    cls = type("Migration", (migrations.Migration,), attributes)
    made = cls(name, app_label)
    made.operations = list(operations)
    return made


def applied(alias: str) -> list[str]:
    """Return the names of the applied migrations, in the order of their records."""
    recorder = MigrationRecorder(connections[alias])
    if not recorder.has_table():
        return []
    records = recorder.migration_qs.order_by("pk")
    return [f"{record.app}.{record.name}" for record in records]


def tables(alias: str) -> set[str]:
    """Return the names of the tables there are, but for Django's own one."""
    names = set(connections[alias].introspection.table_names())
    return names - {"django_migrations"}


def columns(alias: str, table: str) -> dict[str, Any]:
    """Return what is known of a table's columns, by name."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, table)
    return {each.name: each for each in found}
