"""Messages about the lock by which one migrate runs at a time."""

from __future__ import annotations

from collections.abc import Callable

from syzygy_like.conf import format_duration
from syzygy_like.safeguards.connections import unreachable
from syzygy_like.safeguards.locking.lock import (
    Holder,
    LockFileError,
    LockUnreachableError,
    LockWaitError,
    LostLockError,
    PooledError,
    Unlocked,
)
from syzygy_like.safeguards.locking.waiting import Acquired, Waiting

PAGE = "See docs/how-to/one-at-a-time.rst."
SERVERS = {"postgresql": "PostgreSQL", "mysql": "MySQL"}
# The statement that ends a session, on its server.
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
        said += f", connected for {format_duration(found.connected)}"
    return said


def waiting(event: Waiting) -> str:
    """Say what the run waits for, and for how long."""
    if not event.waited:
        return (
            f"Another run migrates the database {event.alias!r}: "
            f"{holder(event.holder)}. Waiting for it for up to "
            f"{format_duration(event.wait)}."
        )
    return (
        f"Still waiting after {format_duration(event.waited)}: "
        f"{holder(event.holder)} migrates the database {event.alias!r}."
    )


def acquired(event: Acquired) -> str:
    """Say that the wait is over."""
    return f"The other run has ended after {format_duration(event.waited)}; continuing."


def waited(error: LockWaitError) -> str:
    """Say who still has the lock."""
    within = (
        f" and did not end within {format_duration(error.wait)}" if error.wait else ""
    )
    parts = [
        f"Another run migrates the database {error.alias!r}{within}: "
        f"{holder(error.holder)}. Nothing was applied.",
        "Fix: run this again when it has ended, or wait longer with "
        f"--migration-lock-wait. {PAGE}",
    ]
    found = error.holder
    if found is not None and found.pid is not None:
        end = ENDS[found.vendor].format(found.pid)
        parts.append(
            "If its process is gone and the server has not noticed, end the session: "
            f"{end};"
        )
    return "\n".join(parts)


def lost(error: LostLockError) -> str:
    """Say that another run may have started."""
    reason = f": {error.reason}" if error.reason else "."
    return (
        f"This run has lost its lock on the database {error.alias!r}{reason}\n"
        "Another run may have started. What was applied stays applied; nothing was "
        f"started after that.\nFix: run this again, and it continues. {PAGE}"
    )


def pooled(error: PooledError) -> str:
    """Say how to get a session that keeps a lock."""
    return (
        f"The database {error.alias!r} is behind a pooler that keeps no session, so no "
        "session can hold a lock.\n"
        "Fix: set MIGRATION_LOCK_DATABASE to an alias that connects to the server "
        f"directly, or give --no-migration-lock. {PAGE}"
    )


def lock_file(error: LockFileError) -> str:
    """Say what to do about a file."""
    return (
        f"The lock file {error.path} cannot be used: {error.reason}.\n"
        "Fix: make the file and its folder writable, or remove it if no other run is "
        "active. --no-migration-lock does without the lock."
    )


def unlocked(event: Unlocked) -> str:
    """Say that nothing stops other runs."""
    why = f"the database {event.alias!r} is behind a pooler"
    if isinstance(event.error, LockFileError):
        why = f"the file {event.error.path} cannot be used"
    return (
        f"Continuing without a lock, as Django does, because {why}. Do not run another "
        f"migrate at the same time. {PAGE}"
    )


ERRORS: dict[type[Exception], Callable[..., str]] = {
    LockWaitError: waited,
    LostLockError: lost,
    PooledError: pooled,
    LockFileError: lock_file,
    LockUnreachableError: lambda error: unreachable(error.alias, error.error),
}
EVENTS: dict[type, Callable[..., str]] = {
    Waiting: waiting,
    Acquired: acquired,
    Unlocked: unlocked,
}
