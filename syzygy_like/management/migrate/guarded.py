"""A run of migrate that is looked after: one at a time, patient, all or nothing."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from syzygy_like import console
from syzygy_like.conf import invalid_values
from syzygy_like.executor.hooks import Plan, RunHooks
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.looking import SomethingToDo
from syzygy_like.management.migrate.measures import RunOptions, run_options
from syzygy_like.management.migrate.run import StagedMigrate
from syzygy_like.planning.messages.settings import invalid_setting, setting_hint
from syzygy_like.safeguards.locking import (
    Hold,
    LockFileError,
    LockUnreachableError,
    LockWaitError,
    PooledError,
    Unlocked,
    one_at_a_time,
)
from syzygy_like.stages import Stage

# What only some runs need is imported where they do: it takes time.
if TYPE_CHECKING:
    from syzygy_like.safeguards.quorum import Agenda

# Options by which what is applied may differ.
AGREED = (
    "abort_deploy",
    "allow_loss",
    "app_label",
    "bridge",
    "fake",
    "fake_initial",
    "migration_name",
    "run_syncdb",
    "skip_blocked",
)


# What keeps a run from the lock.
UNLOCKED = (LockFileError, LockUnreachableError, LockWaitError, PooledError)

INTERRUPTED = "Interrupted. What was applied stays applied; run it again to go on."


class GuardedRun(RunHooks):
    """Runs a migrate command, and looks after it."""

    keeps_journal = True

    def __init__(
        self,
        command: BaseCommand,
        stage: Stage,
        options: dict[str, Any],
        has_looked: bool = False,
    ):
        self.has_looked = has_looked
        self.command = command
        self.stage = stage
        self.options = options
        self.alias: str = options["database"]
        self.run_options: RunOptions = run_options(options)
        if self.run_options.limits.are_given:
            from syzygy_like.safeguards.timeouts import Patient

            self.retry_policy = Patient(self.run_options.limits, self.tell)
        self.rolls_back = self.run_options.rolls_back
        self.accepts_irreversible = self.run_options.accepts_irreversible
        self.hold = Hold()

    def run(self, handle: Callable[..., Any]) -> None:
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

    def _migrate(self, handle: Callable[..., Any], is_looking: bool = False) -> None:
        try:
            StagedMigrate(self.command, self.stage, self.options, self, is_looking).run(
                handle
            )
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
                raise  # for whoever has called it
            raise CommandError(INTERRUPTED, returncode=130) from error
        except Exception as error:
            from syzygy_like.management.migrate import messages

            if not isinstance(error, tuple(messages.ERRORS)):
                raise
            raise CommandError(messages.failed(error)) from error

    def _met(
        self, handle: Callable[..., Any]
    ) -> contextlib.AbstractContextManager[bool]:
        """Return the context of a meeting: whether another party has led the run."""
        quorum = self.run_options.quorum
        if quorum is None:
            return contextlib.nullcontext(False)
        from syzygy_like.management.migrate import messages
        from syzygy_like.safeguards.quorum import joined

        look = functools.partial(self._agenda, handle)
        return joined(quorum, self.alias, look, messages.reason, self.tell)

    def _agenda(self, handle: Callable[..., Any]) -> Agenda:
        """
        Return what parties have to agree on, None if there is nothing to apply.

        Raises CommandError where the run would.
        """
        if self.options["prune"]:
            return None
        looks = {"plan": True, "verbosity": 0, "skip_checks": True}
        options = {**self.options, **looks}
        staged = StagedMigrate(self.command, self.stage, options)
        with console.silent(self.command):
            staged.run(handle)
        if not staged.executor.schedule.presented(staged):
            return None
        asked = {name: self.options.get(name) for name in AGREED}
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

    def tell(self, event: Any) -> None:
        """Print what happens, where people want to know."""
        if self.options["verbosity"] >= 1:
            from syzygy_like.management.migrate import messages

            stdout = self.command.stdout
            if self.is_mid_line:
                stdout.write()
                self.is_mid_line = False
            stdout.write(messages.told(event), self.command.style.WARNING)
            stdout.flush()

    def before_all(self, plan: Plan) -> None:
        if self.run_options.rollout_wait is not None:
            from syzygy_like.safeguards.rollout import wait_for_rollout

            wait_for_rollout(self.alias, self.run_options.rollout_wait, self.tell)

    def before_each(self) -> None:
        self.hold.check()
        self.is_mid_line = True


def run(
    command: BaseCommand,
    stage: Stage,
    options: dict[str, Any],
    handle: Callable[..., Any],
    has_looked: bool = False,
) -> None:
    """
    Run a migrate command; one that only looks needs no looking after.

    One that ``has_looked`` has found something to do.
    """
    for problem in invalid_values():
        raise CommandError(f"{invalid_setting(problem)} {setting_hint(problem)}")
    guarded_run = GuardedRun(command, stage, options, has_looked)
    if options["plan"] or options["check_unapplied"]:
        StagedMigrate(command, stage, options).run(handle)
    else:
        guarded_run.run(handle)
