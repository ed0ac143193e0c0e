"""Which code the connections of a database belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def wait_for_rollout(alias: str, wait: float, tell: Callable[[Any], None]) -> None:
    """Wait until no connection is left that belongs to other code than this."""
