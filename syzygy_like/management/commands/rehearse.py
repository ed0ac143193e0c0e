"""Plays the coming deploy on scratch databases, with both versions of the code."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser, no_translations
from django.db import DEFAULT_DB_ALIAS

FORMATS = ("text", "json", "github", "sarif")


class Command(BaseCommand):
    help = (
        "Rehearses the coming deploy on a scratch database: applies its migrations in "
        "stages while old and new models are at work, and reports what fails."
    )
    # The migrations that are looked at here are those that a check would stop at.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database",
            action="append",
            metavar="ALIAS",
            help="Takes a scratch database in place of this one; may be given several "
            f'times. Defaults to the "{DEFAULT_DB_ALIAS}" database.',
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
            help="Tries everything with all models, not only with those that the "
            "migrations are about.",
        )
        parser.add_argument(
            "--contrast",
            action="store_true",
            help="Shows as well what a plain migrate would do to the old code.",
        )
        self._add_pre_deploy(parser)
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
            help="Begins where this migration is the last of its app, rather than "
            'where the database is; "zero" is before the first.',
        )
        start.add_argument(
            "--from-git",
            dest="revision",
            metavar="REVISION",
            help="Begins with the migrations that there were at a revision of git.",
        )

    def _add_pre_deploy(self, parser: CommandParser) -> None:
        bridge = parser.add_mutually_exclusive_group()
        bridge.add_argument(
            "--bridge",
            action="store_true",
            default=None,
            help="As for migrate --pre-deploy.",
        )
        bridge.add_argument(
            "--no-bridge",
            action="store_false",
            dest="bridge",
            default=None,
            help="As for migrate --pre-deploy.",
        )
        parser.add_argument(
            "--skip-blocked",
            action="store_true",
            help="As for migrate --pre-deploy.",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        # Imported here, for other commands load this module for their help.
        from syzygy_like.management.commands import migrate
        from syzygy_like.rehearsal.command import Rehearsing

        Rehearsing(self, options, migrate.Command).run()
