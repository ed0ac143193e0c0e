"""How long statements may wait, and take."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """
    Of statements, in seconds; None or 0 where there is none.

    ``retries`` is how many times to try again what could not have a lock.
    ``required`` tells whether somebody asked for this run, so that a database which
    knows no limits is an error; the settings may be shared with such databases.
    """

    lock_timeout: float | None = None
    retries: int = 0
    statement_timeout: float | None = None
    required: bool = False

    @property
    def are_given(self) -> bool:
        return bool(self.lock_timeout or self.statement_timeout)
