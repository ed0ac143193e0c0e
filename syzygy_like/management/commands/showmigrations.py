"""Django's showmigrations, with the stages of what is not applied yet."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.core.management.commands import showmigrations
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from syzygy_like.executor.status import Status, remarks, statuses
from syzygy_like.management.base import WithoutCheck, refuse_other_formats
from syzygy_like.planning.history import UnloadableError, loading
from syzygy_like.planning.messages import checks
from syzygy_like.safeguards.connections import connect

FORMATS = ("list", "plan", "json")
Statuses = dict[tuple[str, str], Status]


class AnnotatedOutput(OutputWrapper):
    """Adds to the lines of migrations what becomes of them, if anything does."""

    def __init__(self, out: OutputWrapper, statuses: Statuses):
        super().__init__(out)  # type: ignore[arg-type]
        self.statuses = statuses
        self.app_label = ""

    def write(  # type: ignore[override]
        self,
        msg: str = "",
        style_func: Callable[[str], str] | None = None,
        ending: str | None = None,
    ) -> None:
        mark, _, rest = msg.strip().partition("] ")
        name = rest.split()[0] if rest.split() else ""
        if mark in ("[ ", "[X"):
            app_label, dot, bare = name.partition(".")
            key = (app_label, bare) if dot else (self.app_label, name)
            if key in self.statuses and self.statuses[key].text:
                msg = f"{msg}  ({self.statuses[key].text})"
        elif not msg.startswith(" "):
            self.app_label = msg
        super().write(msg, style_func, ending)


class Command(WithoutCheck, showmigrations.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--format",
            choices=FORMATS,
            help="How to print the migrations: as by --list, as by --plan, or as "
            "JSON, in the order of the plan.",
        )

    def handle(self, *args: object, **options: Any) -> None:
        if options["format"] is not None:
            refuse_other_formats(options["format"], FORMATS)
        connection = connections[options["database"]]
        connect(connection.alias)
        try:
            with loading():
                loader = MigrationLoader(connection, ignore_no_migrations=True)
        except UnloadableError as error:
            raise CommandError(checks.unloadable(error)) from error
        found = statuses(loader, connection.alias)
        said = list(remarks(loader, connection.alias))
        if options["format"] == "json":
            self._show_json(loader, found, options["app_label"])
            for line in said:
                self.stderr.write(line)
            return
        stdout = self.stdout
        self.stdout = AnnotatedOutput(stdout, found)
        try:
            super().handle(*args, **options)
        finally:
            self.stdout = stdout
        for line in said:
            self.stdout.write(line, self.style.WARNING)

    def _show_json(
        self, loader: MigrationLoader, found: Statuses, app_labels: list[str]
    ) -> None:
        self._validate_app_names(  # type: ignore[attr-defined]
            loader, app_labels
        )
        wanted = [
            dataclasses.asdict(status)
            for key, status in found.items()
            if not app_labels or key[0] in app_labels
        ]
        self.stdout.write(json.dumps(wanted, indent=2, cls=DjangoJSONEncoder))
