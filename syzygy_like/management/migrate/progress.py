"""How far a run of migrate has come, for people who watch it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from django.db.migrations import Migration
from django.db.models.signals import pre_migrate

# A plan of fewer migrations is seen at a glance.
LONG = 10


class Counter:
    """
    Writes in front of each migration which one of how many it is, and since when.

    ``stdout`` is the OutputWrapper of the command that runs: whatever migrates
    meanwhile has another one. The plan is the one that Django sends to ``pre_migrate``.
    """

    def __init__(self, stdout: Any):
        self.stdout = stdout
        self._places: dict[tuple[str, str], int] = {}
        self._start = 0.0

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count the migrations of the plan that runs meanwhile."""
        pre_migrate.connect(self._begin, weak=False)
        try:
            yield
        finally:
            pre_migrate.disconnect(self._begin)
            self._places = {}

    def _begin(
        self, plan: list[tuple[Migration, bool]], stdout: Any = None, **kwargs: Any
    ) -> None:
        if stdout is not self.stdout or len(plan) < LONG:
            return
        self._start = time.monotonic()
        self._places = {
            ("unapply_start" if backwards else "apply_start", str(migration)): place
            for place, (migration, backwards) in enumerate(plan, start=1)
        }

    def show(self, action: str, migration: Migration | None) -> None:
        """
        Write "  [ 7/40  0:12]" if Django is about to name a migration of the plan.

        ``action`` is one of those that its executor reports, such as "apply_start".
        """
        place = self._places.get((action, str(migration)))
        if place is not None:
            total = len(self._places)
            elapsed = clock(time.monotonic() - self._start)
            text = f"  [{place:>{len(str(total))}}/{total} {elapsed:>5}]"
            self.stdout.write(text, ending="")


def clock(length: float) -> str:
    """Return a number of seconds as a clock shows it: "0:12", "1:00:05"."""
    minutes, seconds = divmod(int(length), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"
