"""A run of migrate that is looked after: one at a time, patient, all or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from syzygy_like import consoles
from syzygy_like.guard import Guard, Plan
from syzygy_like.locking import Hold, one_at_a_time
from syzygy_like.measures import Measures, measures
from syzygy_like.messages import production as messages
from syzygy_like.quorum import joined
from syzygy_like.rollout import wait_for_rollout
from syzygy_like.staged import StagedMigrate
from syzygy_like.stages import Stage
from syzygy_like.timeouts import Patient


class Production(Guard):
    """Runs a migrate command, and looks after it."""

    keeps_journal = True

    def __init__(self, command: BaseCommand, stage: Stage, options: dict[str, Any]):
        self.command = command
        self.stage = stage
        self.options = options
        self.alias: str = options["database"]
        self.measures: Measures = measures(options)
        self.patience = Patient(self.measures.limits, self.tell)
        self.hold = Hold()

    def run(self, handle: Callable[..., Any]) -> None:
        """Let Django's handle() do its work. Raises CommandError where it cannot."""
        with self._telling(), self._met(), self._alone() as self.hold:
            self._staged().run(handle)

    def _staged(self) -> StagedMigrate:
        return StagedMigrate(self.command, self.stage, self.options, self)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Say what went wrong, as Django's commands do."""
        try:
            with consoles.using(self.command, self.options["verbosity"]):
                yield
        except tuple(messages.ERRORS) as error:
            raise CommandError(messages.failed(error)) from error

    def _met(self) -> contextlib.AbstractContextManager[None]:
        """Return the context of a meeting with the other parties, if there are any."""
        quorum = self.measures.quorum
        if quorum is None:
            return contextlib.nullcontext()
        return joined(quorum, self.alias, self.stage.name or "", self.tell)

    def _alone(self) -> contextlib.AbstractContextManager[Hold]:
        """Return the context of the lock."""
        wait = self.measures.lock_wait
        if wait is None:
            return contextlib.nullcontext(Hold())
        return one_at_a_time(self.alias, wait, self.tell)

    def tell(self, event: Any) -> None:
        """Print what happens, where people want to know."""
        if self.options["verbosity"] >= 1:
            style = self.command.style.WARNING
            self.command.stdout.write(messages.told(event), style)
            self.command.stdout.flush()

    def before_all(self, plan: Plan) -> None:
        if self.measures.rollout_wait is not None:
            wait_for_rollout(self.alias, self.measures.rollout_wait, self.tell)

    def before_each(self) -> None:
        self.hold.check()


def run(
    command: BaseCommand,
    stage: Stage,
    options: dict[str, Any],
    handle: Callable[..., Any],
) -> None:
    """Run a migrate command; one that only looks needs no looking after."""
    production = Production(command, stage, options)
    if options["plan"] or options["check_unapplied"]:
        StagedMigrate(command, stage, options).run(handle)
    else:
        production.run(handle)
