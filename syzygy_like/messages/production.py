"""What a run that is looked after says, and how it puts what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from syzygy_like.messages import locking, quorum, resuming, rollback, rollout, timeouts

ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    **locking.ERRORS,
    **quorum.ERRORS,
    **resuming.ERRORS,
    **rollback.ERRORS,
    **rollout.ERRORS,
    **timeouts.ERRORS,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    **locking.EVENTS,
    **quorum.EVENTS,
    **resuming.EVENTS,
    **rollback.EVENTS,
    **rollout.EVENTS,
    **timeouts.EVENTS,
}


def failed(error: Exception) -> str:
    """Say what went wrong."""
    say = next(ERRORS[kind] for kind in ERRORS if isinstance(error, kind))
    return say(error)


def reason(error: BaseException) -> str:
    """Say to others why this run has failed, "" if it was stopped."""
    if not isinstance(error, Exception):
        return ""
    if isinstance(error, tuple(ERRORS)):
        return failed(error)
    if isinstance(error, CommandError):
        return str(error)
    return f"{type(error).__name__}: {str(error).strip()}"


def told(event: Any) -> str:
    """Say what happens."""
    return EVENTS[type(event)](event)
