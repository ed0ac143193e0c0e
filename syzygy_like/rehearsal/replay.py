"""Which migration is to blame for what fails."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import transaction
from django.db.migrations import Migration

from syzygy_like.rehearsal.migrate_runs import Key, Migrator, RunFailedError
from syzygy_like.rehearsal.report import Phase, Version
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import Workload

# What is tried, and by whom: version, label of the model, action.
Trial = tuple[Version, str, str]


class Replay:
    """
    Goes the same way again, and looks after each migration what fails by then.

    The database has to be where the deploy begins. ``idle`` are migrations after which
    there is nothing new to see.
    """

    def __init__(
        self,
        codes: Mapping[Version, Workload],
        trials: Collection[Trial],
        idle: Collection[Key],
        number: int,
    ):
        self.codes = codes
        self.trials = trials
        self.idle = idle
        self.number = number
        self.keys: list[Key | None] = [None]
        self.failing: list[dict[Trial, FailedAction]] = []
        self.window = 0

    def run(self, migrator: Migrator, staged: bool) -> None:
        """Apply everything, in stages or not, as far as it goes."""
        self.failing.append(self._look())
        watched = migrator.watched_by(self)
        try:
            if staged:
                watched.pre_deploy()
                self.window = len(self.failing) - 1
                watched.post_deploy()
            else:
                watched.plain()
        except RunFailedError:
            return  # which the rehearsal has reported

    def began(self, migration: Migration, stage: str) -> None:
        """Go on."""

    def ended(self, migration: Migration) -> None:
        """Look what fails now."""
        key = (migration.app_label, migration.name)
        self.keys.append(key)
        self.failing.append(self.failing[-1] if key in self.idle else self._look())

    def _look(self) -> dict[Trial, FailedAction]:
        found: dict[Trial, FailedAction] = {}
        for version, code in self.codes.items():
            only = {trial[1:] for trial in self.trials if trial[0] is version}
            if only:
                failures = [*code.alone(self.number, only), *self._together(code, only)]
                for each in failures:
                    found.setdefault((version, each.model, each.action), each)
        return found

    def _together(
        self, code: Workload, only: Collection[tuple[str, str]]
    ) -> list[FailedAction]:
        # With rows of both, which are not to be there for the next migration.
        with transaction.atomic(using=code.alias):
            number = self.number
            for each in self.codes.values():
                number = each.write(number)
            failures = code.together(number, only)
            transaction.set_rollback(True, using=code.alias)
        return failures

    def cause(
        self, trial: Trial, phase: Phase
    ) -> tuple[Key | None, FailedAction | None]:
        """
        Return the migration that is to blame, and how it failed by then.

        None for what cannot be told.
        """
        at = self.window if phase is Phase.WINDOW else len(self.failing) - 1
        fails = [trial in each for each in self.failing]
        begins = _last_change(fails[: at + 1])
        if begins is not None:
            return self.keys[begins], self.failing[begins][trial]
        if not fails[at]:
            return None, None
        # It has failed from the start: what mends it comes too late.
        mended = next((n for n in range(at, len(fails)) if not fails[n]), None)
        key = self.keys[mended] if mended is not None else None
        return key, self.failing[at][trial]


def _last_change(fails: Sequence[bool]) -> int | None:
    """Return the last position at which something began to fail that still does."""
    if not fails[-1] or all(fails):
        return None
    return max(n for n, each in enumerate(fails) if not each) + 1
