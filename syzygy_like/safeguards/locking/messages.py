"""Messages about the lock by which one migrate runs at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syzygy_like.durations import text
from syzygy_like.safeguards.connections import unreachable
from syzygy_like.safeguards.locking import (
    Acquired,
    Holder,
    LockFileError,
    LockUnreachableError,
    LockWaitError,
    LostLockError,
    PooledError,
    Unlocked,
    Waiting,
)

SERVERS = {"postgresql": "PostgreSQL", "mysql": "MySQL"}
# What ends a session, on its server.
ENDS = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


def holder(found: Holder | None) -> str:
    """Say who has the lock: 'PostgreSQL process 812 ("worker"), connected for 3 s'."""
    if found is None:
        return "another process"
    if found.pid is None:
        return f"the process that has locked {found.path}"
    what = "process" if found.vendor == "postgresql" else "connection"
    said = f"{SERVERS[found.vendor]} {what} {found.pid}"
    if found.application:
        said += f' ("{found.application}")'
    if found.connected is not None:
        said += f", connected for {text(found.connected)}"
    return said


def waiting(event: Waiting) -> str:
    """Say what is waited for, and for how long."""
    if not event.waited:
        return (
            f"Another run migrates the database {event.alias!r}; waiting for it, for "
            f"at most {text(event.wait)}. It is {holder(event.holder)}."
        )
    return (
        f"Still waiting after {text(event.waited)}, for {holder(event.holder)} to "
        f"migrate the database {event.alias!r}."
    )


def acquired(event: Acquired) -> str:
    """Say that there is nothing to wait for any longer."""
    return f"The other run has ended after {text(event.waited)}; going on."


def waited(error: LockWaitError) -> str:
    """Say who has the lock still."""
    within = f", which did not end within {text(error.wait)}" if error.wait else ""
    parts = [
        f"Another run migrates the database {error.alias!r}{within}: "
        f"{holder(error.holder)}. Nothing was applied.",
        "Run this again when it has ended, or wait longer with --migration-lock-wait.",
    ]
    found = error.holder
    if found is not None and found.pid is not None:
        end = ENDS[found.vendor].format(found.pid)
        parts.append(
            f"If its process is gone and the server has not noticed, end the session: "
            f"{end};"
        )
    return "\n".join(parts)


def lost(error: LostLockError) -> str:
    """Say that others may be at work now."""
    reason = f": {error.reason}" if error.reason else "."
    return (
        f"The lock is lost that kept other runs from the database {error.alias!r}"
        f"{reason}\n"
        "What was applied stays applied, and nothing was begun after it. Another run "
        "may be at work meanwhile; this command goes on after it if it is run again."
    )


def pooled(error: PooledError) -> str:
    """Say how to get a session of one's own."""
    return (
        f"A pooler stands before the database {error.alias!r} and has no session for "
        "us that could keep a lock: set MIGRATION_LOCK_DATABASE to an alias that goes "
        "to the server directly, or give --no-migration-lock."
    )


def lock_file(error: LockFileError) -> str:
    """Say what to do about a file."""
    return (
        f"The file {error.path}, which keeps other runs out, cannot be used: "
        f"{error.reason}. Make it and its folder writable, or remove it if no other "
        "run is at work; --no-migration-lock does without it."
    )


def unlocked(event: Unlocked) -> str:
    """Say that nobody keeps other runs out."""
    why = f"a pooler stands before the database {event.alias!r}"
    if isinstance(event.error, LockFileError):
        why = f"the file {event.error.path} cannot be used"
    return (
        f"Going on without a lock, as Django does, for {why}: do not run another "
        'migrate meanwhile. See the page "One migrate at a time" of the documentation.'
    )


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    LockWaitError: waited,
    LostLockError: lost,
    PooledError: pooled,
    LockFileError: lock_file,
    LockUnreachableError: lambda error: unreachable(error.alias, error.error),
}
EVENTS: dict[type, Callable[[Any], str]] = {
    Waiting: waiting,
    Acquired: acquired,
    Unlocked: unlocked,
}
