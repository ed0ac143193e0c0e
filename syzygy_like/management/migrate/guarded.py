"""A guarded run of migrate: under a lock, with limits, rolled back if it fails."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from syzygy_like import console
from syzygy_like.conf import invalid_values
from syzygy_like.executor import messages as executor_messages
from syzygy_like.executor.context import Plan, RunHooks
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.looking import SomethingToDo
from syzygy_like.management.migrate.options import Options, agreed
from syzygy_like.management.migrate.run import (
    Handle,
    StagedMigrate,
    run_context,
)
from syzygy_like.management.migrate.run_options import RunOptions, run_options
from syzygy_like.planning.messages.checks import invalid_setting, setting_hint
from syzygy_like.safeguards.locking.lock import (
    Hold,
    LockFileError,
    LockUnreachableError,
    LockWaitError,
    PooledError,
    Unlocked,
)
from syzygy_like.safeguards.locking.waiting import one_at_a_time
from syzygy_like.stages import Stage

# What only some runs need is imported where they do: it takes time.
if TYPE_CHECKING:
    from syzygy_like.safeguards.quorum.joining import Agenda

# What keeps a run from the lock.
UNLOCKED = (LockFileError, LockUnreachableError, LockWaitError, PooledError)


class GuardedRun(RunHooks):
    """Runs a migrate command with the lock, limits and quorum that it asks for."""

    keeps_journal = True

    def __init__(
        self,
        command: BaseCommand,
        stage: Stage,
        options: Options,
        has_looked: bool = False,
    ):
        self.has_looked = has_looked
        self.command = command
        self.stage = stage
        self.options = options
        self.alias: str = options["database"]
        self.run_options: RunOptions = run_options(options)
        if self.run_options.limits.are_given:
            from syzygy_like.safeguards.timeouts.retry import LockRetries

            self.retry_policy = LockRetries(self.run_options.limits, self.tell)
        self.rolls_back = self.run_options.rolls_back
        self.accepts_irreversible = self.run_options.accepts_irreversible
        self.hold = Hold()
        # Whether Django has written "Applying shop.0002_name..." and no newline.
        self.is_mid_line = False

    def run(self, handle: Handle) -> None:
        """Let Django's handle() do its work. Raises CommandError where it cannot."""
        met = self._met(handle)
        with self._telling(), met as is_done:
            if is_done and self.options["abort_deploy"]:
                return  # there is no deploy any more to take back
            if self.run_options.lock_wait is not None and not self.has_looked:
                with contextlib.suppress(SomethingToDo):
                    self._migrate(handle, is_looking=True)
                    self._tidy_up()
                    return
            with self._alone() as self.hold:
                self._migrate(handle)

    def _tidy_up(self) -> None:
        """Drop the table if a run has left it empty, and none is at work."""
        ledger = Ledger(connections[self.alias])
        if not (ledger.is_there and ledger.record.is_empty):
            return
        with (
            contextlib.suppress(*UNLOCKED),
            one_at_a_time(self.alias, 0, self.tell),
        ):
            ledger.forget()
            ledger.close()

    def _migrate(self, handle: Handle, is_looking: bool = False) -> None:
        context = run_context(self.stage, self.options, is_looking)
        try:
            StagedMigrate(self.command, context, self.options, self).run(handle)
        finally:
            self.is_mid_line = False

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Say what went wrong, as Django's commands do."""
        try:
            with console.using(self.command, self.options["verbosity"]):
                yield
        except KeyboardInterrupt as error:
            if not vars(self.command).get("_called_from_command_line"):
                raise  # for the caller
            from syzygy_like.management.migrate.messages import INTERRUPTED

            raise CommandError(INTERRUPTED, returncode=130) from error
        except Exception as error:
            from syzygy_like.management.migrate import messages

            if not isinstance(error, tuple(messages.ERRORS)):
                raise
            raise CommandError(messages.failed(error)) from error

    def _met(self, handle: Handle) -> contextlib.AbstractContextManager[bool]:
        """Return the context of a meeting: whether another party has led the run."""
        quorum = self.run_options.quorum
        if quorum is None:
            return contextlib.nullcontext(False)
        from syzygy_like.management.migrate import messages
        from syzygy_like.safeguards.quorum.joining import join_quorum

        look = functools.partial(self._agenda, handle)
        return join_quorum(quorum, self.alias, look, messages.reason, self.tell)

    def _agenda(self, handle: Handle) -> Agenda:
        """
        Return what parties have to agree on, None if there is nothing to apply.

        Raises CommandError where the run would.
        """
        if self.options["prune"]:
            return None
        looks = {"plan": True, "verbosity": 0, "skip_checks": True}
        options = {**self.options, **looks}
        staged = StagedMigrate(self.command, run_context(self.stage, options), options)
        with console.silent(self.command):
            staged.run(handle)
        if not staged.schedule.django_plan:
            return None
        asked = agreed(self.options)
        return [self.stage.name, asked, sorted(staged.executor.loader.disk_migrations)]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Hold]:
        """Hold the lock; a run without a stage goes on where there can be none."""
        with contextlib.ExitStack() as stack:
            hold = Hold()
            wait = self.run_options.lock_wait
            try:
                if wait is not None:
                    lock = one_at_a_time(self.alias, wait, self.tell)
                    hold = stack.enter_context(lock)
            except (PooledError, LockFileError) as error:
                if self.stage is not Stage.ANY or self._asks_for_lock:
                    raise
                self.tell(Unlocked(self.alias, error))
            yield hold

    @property
    def _asks_for_lock(self) -> bool:
        """Whether a run without a stage is not to go on without the lock."""
        asked = ("abort_deploy", "migration_lock", "migration_lock_wait")
        return any(self.options.get(each) for each in asked)

    def tell(self, event: object) -> None:
        """Print what happens, where people want to know."""
        if self.options["verbosity"] >= 1:
            from syzygy_like.management.migrate import messages

            stdout = self.command.stdout
            if self.is_mid_line:
                stdout.write()
                self.is_mid_line = False
            stdout.write(messages.told(event), self.command.style.WARNING)
            stdout.flush()

    def before_loss(self, names: Sequence[str]) -> None:
        """Ask whether to drop what an abort drops. Raises CommandError if not."""
        if not self.options["interactive"]:
            raise CommandError(executor_messages.would_go(names))
        stdout, style = self.command.stdout, self.command.style
        stdout.write(executor_messages.going(names), style.WARNING)
        try:
            answer = input(executor_messages.QUESTION)
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError(executor_messages.would_go(names))

    def before_all(self, plan: Plan) -> None:
        if self.run_options.rollout_wait is not None:
            from syzygy_like.safeguards.rollout.waiting import wait_for_rollout

            wait_for_rollout(self.alias, self.run_options.rollout_wait, self.tell)

    def before_each(self) -> None:
        self.hold.check()
        self.is_mid_line = True

    def after_failure(self) -> None:
        if self.options["verbosity"]:
            self.command.stdout.write(" FAILED", self.command.style.ERROR)
        self.is_mid_line = False


def run(
    command: BaseCommand,
    stage: Stage,
    options: Options,
    handle: Handle,
    has_looked: bool = False,
) -> None:
    """
    Run a migrate command; one that only looks needs no guard.

    One that ``has_looked`` has found something to do. Raises CommandError.
    """
    for problem in invalid_values():
        raise CommandError(f"{invalid_setting(problem)} {setting_hint(problem)}")
    guarded_run = GuardedRun(command, stage, options, has_looked)
    if options["plan"] or options["check_unapplied"]:
        StagedMigrate(command, run_context(stage, options), options).run(handle)
    else:
        guarded_run.run(handle)
