"""One way through a table, batch by batch."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from django.db import transaction

from syzygy_like.operations.batches import Batch, Rows
from syzygy_like.operations.display import Display, display
from syzygy_like.operations.position import BackfillProgress
from syzygy_like.operations.work import Work
from syzygy_like.safeguards.timeouts import exempt


@dataclasses.dataclass(frozen=True)
class Pass:
    """
    Does a work to the rows of a table that a condition selects, or to all.

    Each batch of ``size`` rows has a transaction of its own, in which the bookmark is
    moved: whatever ends a pass, the next one goes on from there. A pass goes up; one
    that goes ``backwards`` undoes what is done, so it comes down from there. ``pause``
    is the time between two batches, in seconds.
    """

    rows: Rows
    bookmark: BackfillProgress
    work: Work
    where: Any
    size: int
    pause: float
    backwards: bool = False

    def back(self, work: Work) -> Pass:
        """Return the way back, on which a work is done to all rows."""
        return dataclasses.replace(self, work=work, where=None, backwards=True)

    def run(self) -> None:
        """Go through what is left of the table. Raises what the work raises."""
        self.work.check(self._selected(self.rows.queryset))
        if self.bookmark.resume() or self._begin():
            with exempt(), display(self.rows, self.bookmark.rows) as shown:
                self._go(shown)
        self.bookmark.remove()

    def _begin(self) -> bool:
        """Begin, if there is anything to be done."""
        start = self.rows.last if self.backwards else None
        if self._batch(start) is None:
            return False
        self.bookmark.begin(start, self.backwards)
        return True

    def _go(self, shown: Display) -> None:
        batch = self._next()
        while batch is not None:
            self._carry_out(batch)
            shown.show(self.bookmark.rows + batch.size)
            batch = self._next()
            if batch is not None:
                time.sleep(self.pause)

    def _next(self) -> Batch | None:
        return self._batch(self.bookmark.done) if self.bookmark.read() else None

    def _batch(self, done: Any) -> Batch | None:
        find = self.rows.before if self.backwards else self.rows.after
        return find(done, self.size)

    def _carry_out(self, batch: Batch) -> None:
        with transaction.atomic(self.rows.alias):
            if self.bookmark.move(batch, self.backwards):
                self.work.carry_out(self._selected(self.rows.of(batch)), batch)

    def _selected(self, rows: Any) -> Any:
        return rows if self.where is None else rows.filter(self.where)
