"""Several parties that apply a plan once, when all have arrived."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Quorum:
    """How many parties have to arrive, who this one is, how long it waits (seconds)."""

    size: int
    party: str
    timeout: float


@contextlib.contextmanager
def joined(
    quorum: Quorum, alias: str, subject: str, tell: Callable[[Any], None]
) -> Iterator[None]:
    """Wait for all parties; lead the run, or wait until another has led it."""
    yield
