"""Rehearses the next deploy on scratch databases, with both versions at work."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser, no_translations
from django.db import DEFAULT_DB_ALIAS

from syzygy_like.management.base import refuse_other_formats
from syzygy_like.management.migrate.options import BY_NAME
from syzygy_like.rehearsal.report import FORMATS


class Command(BaseCommand):
    help = (
        "Rehearses the next deploy on a scratch database: applies its migrations in "
        "stages while the models of both versions are at work, and reports what fails."
    )
    # The migrations that are looked at here are those that a check would stop at.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database",
            action="append",
            metavar="ALIAS",
            help="Uses a scratch database in place of this one; you can give several. "
            f'Defaults to the "{DEFAULT_DB_ALIAS}" database.',
        )
        self._add_start(parser)
        parser.add_argument(
            "--rows",
            type=int,
            default=10,
            help="How many rows of each model to write at the start; 10 by default.",
        )
        parser.add_argument(
            "--all-models",
            action="store_true",
            help="Tries all models, not only those that the migrations are about.",
        )
        parser.add_argument(
            "--contrast",
            action="store_true",
            help="Also shows what a plain migrate would do to the old version.",
        )
        for name in ("bridge", "skip_blocked"):
            BY_NAME[name].as_for("migrate --pre-deploy").add_to(parser)
        parser.add_argument(
            "--format",
            choices=FORMATS,
            default="text",
            help="How to print the report: for people, or for machines.",
        )
        parser.add_argument(
            "-o", "--output", help="The file to write the report to, not stdout."
        )

    def _add_start(self, parser: CommandParser) -> None:
        start = parser.add_mutually_exclusive_group()
        start.add_argument(
            "--from",
            dest="names",
            nargs="+",
            action="extend",
            metavar="APP_LABEL.MIGRATION",
            help="Starts where this migration is the last one of its app, not where "
            'the database is; "zero" is before the first one.',
        )
        start.add_argument(
            "--from-git",
            dest="revision",
            metavar="REVISION",
            help="Starts with the migrations of a git revision.",
        )

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        refuse_other_formats(options["format"], FORMATS)
        # Imported here, for other commands load this module for their help.
        from syzygy_like.management.commands import migrate
        from syzygy_like.rehearsal.command import RehearsalCommand

        RehearsalCommand(self, options, migrate.Command).run()
