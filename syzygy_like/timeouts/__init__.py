"""How long statements wait for locks, and that they are tried again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from syzygy_like.guard import NoPatience


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of statements, in seconds; None where there is none. ``retries`` is a number."""

    lock_timeout: float | None = None
    retries: int = 0
    statement_timeout: float | None = None


class Patient(NoPatience):
    """Puts limits in force, and tries again."""

    def __init__(self, limits: Limits, tell: Callable[[Any], None]):
        self.limits = limits
        self.tell = tell
