"""Django's migrate, which can stop at either side of a deploy."""

from __future__ import annotations

import functools
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.checks import suspended
from syzygy_like.stages import Stage

# What an option is about; a deploy that is given up has both sides.
STAGES = {
    "pre_deploy": Stage.PRE_DEPLOY,
    "post_deploy": Stage.POST_DEPLOY,
    "abort_deploy": Stage.ANY,
}


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
        stages.add_argument(
            "--abort-deploy",
            action="store_true",
            help="Takes the database back to where the deploy began that is under way.",
        )
        bridge = parser.add_mutually_exclusive_group()
        bridge.add_argument(
            "--bridge",
            action="store_true",
            default=None,
            help="With --pre-deploy, takes any migration in halves that fits no stage, "
            "whatever MIGRATION_BRIDGE says.",
        )
        bridge.add_argument(
            "--no-bridge",
            action="store_false",
            dest="bridge",
            default=None,
            help="With --pre-deploy, takes no migration in halves.",
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
        stage = asked_run(options) or self._finishing(options)
        if not stage:
            super().handle(*args, **options)
            return
        # Imported here, for it would make a plain migrate slower to start.
        from syzygy_like.staged import StagedMigrate

        StagedMigrate(self, stage, options).run(
            functools.partial(super().handle, *args)
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        if asked_run(options):
            from syzygy_like.staged import connect

            connect(options["database"])
        return super().execute(*args, **options)

    def _finishing(self, options: dict[str, Any]) -> Stage:
        """Return both stages if there is a deploy to finish, none if there is not."""
        from syzygy_like import ledger

        try:
            there = ledger.is_there(options["database"])
        except Exception:  # whatever keeps us from asking is for Django to say
            return Stage(0)
        return Stage.ANY if there else Stage(0)


def asked_run(options: dict[str, Any]) -> Stage:
    """Return the stage that the options ask for, none for Django's own migrate."""
    asked = [option for option in STAGES if options.get(option)]
    if len(asked) > 1:
        names = " and ".join(f"--{option.replace('_', '-')}" for option in asked)
        raise CommandError(f"{names} exclude each other.", returncode=2)
    option = next(iter(asked), "")
    refuse_combinations(option, options)
    return STAGES.get(option, Stage(0))


def refuse_combinations(asked: str, options: dict[str, Any]) -> None:
    """Raise CommandError if there is an option that goes with other runs only."""
    bridge = {True: "--bridge", False: "--no-bridge", None: ""}[options.get("bridge")]
    if bridge and asked != "pre_deploy":
        raise CommandError(f"{bridge} goes with --pre-deploy.", returncode=2)
    if options.get("skip_blocked") and asked in ("", "abort_deploy"):
        raise CommandError(
            "--skip-blocked goes with --pre-deploy or --post-deploy.", returncode=2
        )
    if options["app_label"] and asked == "abort_deploy":
        raise CommandError(
            "--abort-deploy takes back a whole deploy: leave out the app and the "
            "migration.",
            returncode=2,
        )
