"""What a run that is looked after says, and how it puts what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from syzygy_like.executor import messages_resuming, messages_rollback
from syzygy_like.safeguards.locking import messages as locking_messages
from syzygy_like.safeguards.quorum import messages as quorum_messages
from syzygy_like.safeguards.rollout import messages as rollout_messages
from syzygy_like.safeguards.timeouts import messages as timeouts_messages

ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    **locking_messages.ERRORS,
    **quorum_messages.ERRORS,
    **messages_resuming.ERRORS,
    **messages_rollback.ERRORS,
    **rollout_messages.ERRORS,
    **timeouts_messages.ERRORS,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    **locking_messages.EVENTS,
    **quorum_messages.EVENTS,
    **messages_resuming.EVENTS,
    **messages_rollback.EVENTS,
    **rollout_messages.EVENTS,
    **timeouts_messages.EVENTS,
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
