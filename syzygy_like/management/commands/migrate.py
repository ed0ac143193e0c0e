"""Django's migrate, which can stop at either side of a deploy."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db.migrations.executor import MigrationExecutor

from syzygy_like import conf, console, seam
from syzygy_like.checks import suspended
from syzygy_like.executor.looking import SomethingToDo, looking
from syzygy_like.executor.tables import has_ledger
from syzygy_like.management.migrate import options as arguments
from syzygy_like.stages import Stage

# What an option is about; a deploy that is given up has both sides.
STAGES = {
    "pre_deploy": Stage.PRE_DEPLOY,
    "post_deploy": Stage.POST_DEPLOY,
    "abort_deploy": Stage.ANY,
}


class Command(migrate.Command):
    executor_class = MigrationExecutor
    counter: Any = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        arguments.add_arguments(parser)

    def check(self, *args: Any, **kwargs: Any) -> None:
        # What is pending is looked at when it is known, the rest of no use here.
        with suspended():
            super().check(*args, **kwargs)

    def handle(self, *args: Any, **options: Any) -> None:
        handle = functools.partial(super().handle, *args)
        with self._counting(options["verbosity"]):
            self._run(handle, options)

    def _run(self, handle: Callable[..., Any], options: dict[str, Any]) -> None:
        stage = asked_run(options) or self._finishing(options)
        has_looked = not stage and not arguments.is_guarded(options)
        if has_looked and self._is_over(handle, options):
            return
        # Imported here, for it would make a plain migrate slower to start.
        from syzygy_like.management.migrate.guarded import run

        run(self, stage or Stage.ANY, options, handle, has_looked)

    def _is_over(self, handle: Callable[..., Any], options: dict[str, Any]) -> bool:
        """
        Let Django's command run, and tell whether that was all.

        It was not if there is something to do that is to be looked after.
        """
        only_looks = any(options[each] for each in ("plan", "check_unapplied", "prune"))
        with contextlib.ExitStack() as stack:
            stack.enter_context(console.using(self, options["verbosity"]))
            # Whoever has put an executor there looks after the run himself.
            is_own = seam.has_executor(self)
            if conf.guards_plain() and not (only_looks or is_own):
                factory = looking(self.executor_class)
                stack.enter_context(seam.executor(self, factory))
            try:
                handle(**options)
            except SomethingToDo:
                return False
        return True

    def execute(self, *args: Any, **options: Any) -> str | None:
        if asked_run(options) or arguments.is_guarded(options):
            from syzygy_like.safeguards.connections import connect

            connect(options["database"])
        return super().execute(*args, **options)

    @contextlib.contextmanager
    def _counting(self, verbosity: int) -> Iterator[None]:
        """Show people how far a long plan has come; nothing changes for programs."""
        if verbosity < 1 or not self.stdout.isatty():
            yield
            return
        from syzygy_like.executor.progress import Counter

        self.counter = Counter(self.stdout)
        with self.counter.counting():
            yield

    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        if self.counter is not None:
            self.counter.show(action, migration)
        super().migration_progress_callback(action, migration, fake)

    def _finishing(self, options: dict[str, Any]) -> Stage:
        """Return both stages if there is anything to finish, none if there is not."""
        try:
            there = has_ledger(options["database"])
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
    arguments.refuse_combinations(options)
    bridge = {True: "--bridge", False: "--no-bridge", None: ""}[options.get("bridge")]
    if bridge and asked != "pre_deploy":
        raise CommandError(f"{bridge} goes with --pre-deploy.", returncode=2)
    if options.get("allow_loss") and asked != "abort_deploy":
        raise CommandError("--allow-loss goes with --abort-deploy.", returncode=2)
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
