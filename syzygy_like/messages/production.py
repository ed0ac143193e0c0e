"""What a run that is looked after says, and how it puts what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ERRORS: dict[type[Exception], Callable[[Any], str]] = {}
EVENTS: dict[type, Callable[[Any], str]] = {}


def failed(error: Exception) -> str:
    """Say what went wrong."""
    say = next(ERRORS[kind] for kind in ERRORS if isinstance(error, kind))
    return say(error)


def told(event: Any) -> str:
    """Say what happens."""
    return EVENTS[type(event)](event)
