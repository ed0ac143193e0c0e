"""Django's migrate, which can stop at either side of a deploy."""

from __future__ import annotations

import functools
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.checks import suspended
from syzygy_like.stages import Stage


class Command(migrate.Command):
    executor_class = MigrationExecutor

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        stages = parser.add_mutually_exclusive_group()
        stages.add_argument(
            "--pre-deploy",
            action="store_true",
            help="Applies what the code now serving can bear, before new code is "
            "rolled out. Applies nothing if that is not enough for the new code.",
        )
        stages.add_argument(
            "--post-deploy",
            action="store_true",
            help="Applies the rest, once only the new code is served.",
        )
        parser.add_argument(
            "--skip-blocked",
            action="store_true",
            help="With --pre-deploy or --post-deploy, leaves out what cannot be "
            "applied in that stage, rather than applying nothing.",
        )

    def check(self, *args: Any, **kwargs: Any) -> None:
        # What is pending is looked at when it is known, the rest of no use here.
        with suspended():
            super().check(*args, **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        stage = asked_stage(options)
        if not stage:
            if options.get("skip_blocked"):
                raise CommandError(
                    "--skip-blocked goes with --pre-deploy or --post-deploy.",
                    returncode=2,
                )
            super().handle(*args, **options)
            return
        # Imported here, for it would make a plain migrate slower to start.
        from syzygy_like.staged import StagedMigrate

        StagedMigrate(self, stage, options).run(
            functools.partial(super().handle, *args)
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        if asked_stage(options):
            from syzygy_like.staged import connect

            connect(options["database"])
        return super().execute(*args, **options)


def asked_stage(options: dict[str, Any]) -> Stage:
    """Return the stage that the options ask for, none for Django's own migrate."""
    pre, post = options.get("pre_deploy"), options.get("post_deploy")
    if pre and post:
        raise CommandError(
            "--pre-deploy and --post-deploy exclude each other.", returncode=2
        )
    if pre:
        return Stage.PRE_DEPLOY
    return Stage.POST_DEPLOY if post else Stage(0)
