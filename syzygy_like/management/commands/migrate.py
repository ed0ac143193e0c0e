"""Django's migrate, which can stop at either side of a deploy."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from syzygy_like import conf, console, seam
from syzygy_like.executor.looking import SomethingToDo, looking
from syzygy_like.executor.tables import has_ledger
from syzygy_like.management.base import WithoutCheck
from syzygy_like.management.migrate.options import (
    Options,
    add_arguments,
    is_guarded,
    refuse_combinations,
)
from syzygy_like.stages import Stage

if TYPE_CHECKING:
    from syzygy_like.management.migrate.progress import Counter

# The stage of a run by its option; an abort undoes what belongs to both.
RUNS = {
    "pre_deploy": Stage.PRE_DEPLOY,
    "post_deploy": Stage.POST_DEPLOY,
    "abort_deploy": Stage.ANY,
}


class Command(WithoutCheck, migrate.Command):
    executor_class = MigrationExecutor
    counter: Counter | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_arguments(parser)

    def handle(self, *args: object, **options: Any) -> None:
        handle = functools.partial(super().handle, *args)
        with self._counting(options["verbosity"]):
            self._run(handle, options)

    def _run(self, handle: Callable[..., object], options: Options) -> None:
        stage = asked_run(options) or self._finishing(options)
        has_looked = not stage and not is_guarded(options)
        if has_looked and self._is_over(handle, options):
            return
        # Imported here, for it would make a plain migrate slower to start.
        from syzygy_like.management.migrate.guarded import run

        run(self, stage or Stage.ANY, options, handle, has_looked)

    def _is_over(self, handle: Callable[..., object], options: Options) -> bool:
        """
        Let Django's command run, and tell whether that was all.

        It was not if there is something to do in a guarded run.
        """
        only_looks = any(options[each] for each in ("plan", "check_unapplied", "prune"))
        with contextlib.ExitStack() as stack:
            stack.enter_context(console.using(self, options["verbosity"]))
            # A caller that brings its own executor guards the run itself.
            is_own = seam.has_executor(self)
            if conf.guards_plain() and not (only_looks or is_own):
                factory = looking(self.executor_class)
                stack.enter_context(seam.executor(self, factory))
            try:
                handle(**options)
            except SomethingToDo:
                return False
        return True

    def execute(self, *args: object, **options: Any) -> str | None:
        if asked_run(options) or is_guarded(options):
            from syzygy_like.safeguards.connections import connect

            connect(options["database"])
        return super().execute(*args, **options)

    @contextlib.contextmanager
    def _counting(self, verbosity: int) -> Iterator[None]:
        """Show people how far a long plan has come; nothing changes for programs."""
        if verbosity < 1 or not self.stdout.isatty():
            yield
            return
        from syzygy_like.management.migrate.progress import Counter

        self.counter = Counter(self.stdout)
        with self.counter.counting():
            yield

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        if self.counter is not None:
            self.counter.show(action, migration)
        super().migration_progress_callback(action, migration, fake)

    def _finishing(self, options: Options) -> Stage:
        """Return both stages if there is anything to finish, none if there is not."""
        try:
            there = has_ledger(options["database"])
        except Exception:  # whatever keeps us from asking is for Django to say
            return Stage(0)
        return Stage.ANY if there else Stage(0)


def asked_run(options: Options) -> Stage:
    """
    Return the stage that the options ask for, none for Django's own migrate.

    Raises CommandError if they do not go together.
    """
    refuse_combinations(options)
    asked = (stage for option, stage in RUNS.items() if options.get(option))
    return next(asked, Stage(0))
