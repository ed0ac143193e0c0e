"""Messages about versions that are still connected."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable

from syzygy_like.conf import format_duration
from syzygy_like.safeguards.rollout.backends import (
    Backend,
    BehindPoolerError,
    NotMarkedError,
    UnsupportedError,
)
from syzygy_like.safeguards.rollout.detection import (
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
    Watching,
)

PAGE = "See docs/how-to/wait-for-rollout.rst."
# How many connections a message lists.
LISTED = 20


def described(backend: Backend) -> str:
    """Describe a session: "pid 7, "web [syzygy 3f9a1c2e]", role shop, ..."."""
    name = f'"{backend.application}"' if backend.application else "no name"
    parts = [f"pid {backend.pid}", name, f"role {backend.role}"]
    if not backend.is_visible:
        return ", ".join([*parts, "the rest is hidden"])
    parts.append(backend.address or "local")
    if backend.state and backend.since is not None:
        parts.append(f"{backend.state} for {length(backend.since)}")
    if backend.age is not None:
        parts.append(f"connected for {length(backend.age)}")
    return ", ".join(parts)


def length(seconds: float) -> str:
    """Return a length of time in whole seconds: the clock is the server's."""
    return format_duration(max(1, round(seconds)))


def listed(backends: Iterable[Backend]) -> str:
    """List sessions, one a line."""
    lines = [f"  {described(each)}" for each in backends]
    rest = len(lines) - LISTED
    return "\n".join(lines[:LISTED] + [f"  and {rest} more"] * (rest > 0))


def others_seen(event: OthersSeen) -> str:
    """Say which connections the run waits for."""
    return f"Waiting until no other version is connected:\n{listed(event.backends)}"


def watching(event: Watching) -> str:
    """Say why the run still waits although no other version is connected."""
    why = (
        "connections go through a pooler, which shows a version only while it works"
        if event.pooled
        else "connections are not kept open (CONN_MAX_AGE is 0)"
    )
    return (
        "No other version is connected. The run continues when none has been seen for "
        f"{format_duration(event.seconds)}: {why}."
    )


def rolled_out(event: RolledOut) -> str:
    """Say that no other version was seen, and how certain that is."""
    text = f"No other version is connected (connections of this one: {event.count})."
    if event.seconds:
        text += f" None has been seen for {format_duration(event.seconds)}."
    if event.pooled:
        text += " Idle clients of a pooler cannot be seen."
    return text


def unfinished(error: RolloutUnfinishedError) -> str:
    """Say which connections are still there, and what to do."""
    waited = f"Waited for {format_duration(error.wait)}. " if error.wait else ""
    seen = "" if error.ago < 1 else f" (seen last {length(error.ago)} ago)"
    if not error.backends:
        return (
            f"No other version was seen at the database {error.alias!r}, but not for "
            f"long enough to be certain. {waited}Nothing was applied.\n"
            f"Fix: give --wait-for-rollout more time. {PAGE}"
        )
    lines = [
        f"Another version than this one, {error.code}, may be connected to the "
        f"database {error.alias!r}{seen}:\n",
        f"{listed(error.backends)}\n",
        f"{waited}Nothing was applied.",
        "Fix: finish the roll-out, and run this again. SELECT "
        f"pg_terminate_backend({error.backends[0].pid}) ends a connection that should "
        "be gone.",
    ]
    lines += unmarked(each.name for each in error.backends if each.mark is None)
    if not all(each.is_visible for each in error.backends):
        lines.append(
            "To see what other roles do, this role has to be a member of "
            "pg_read_all_stats."
        )
    lines.append(f"Otherwise: leave out --wait-for-rollout. {PAGE}")
    return "\n".join(lines)


def unmarked(names: Iterable[str]) -> list[str]:
    """Say what connections without a mark may be, by their names."""
    found = {*names}
    if not found:
        return []
    text = (
        "A connection without a mark is of a version before "
        "MIGRATION_MARK_CONNECTIONS was set, or not the project's."
    )
    # The old version may be among the connections without a name.
    if patterns := [glob.escape(each) for each in sorted(found) if each.strip()]:
        text += f" In the second case: MIGRATION_ROLLOUT_IGNORE = {patterns!r}"
    if len(patterns) < len(found):
        end = "" if text.endswith(".") else "."
        text += f"{end} To ignore one without a name, give it an application_name."
    return [text]


def unsupported(error: UnsupportedError) -> str:
    """Say that only PostgreSQL shows versions."""
    return (
        f"The database {error.alias!r} is not PostgreSQL, and no other database shows "
        "which version is connected. Nothing was applied.\n"
        "Fix: leave out --wait-for-rollout, and wait for the roll-out with your "
        f"deploy tool. {PAGE}"
    )


def not_marked(error: NotMarkedError) -> str:
    """Say that connections have no marks."""
    return (
        f"The connections of this command to {error.alias!r} do not say which version "
        "they belong to. Nothing was applied.\n"
        "Fix: set MIGRATION_MARK_CONNECTIONS = True in the settings of this command "
        "and of the application, from their start. Roll that out before you use "
        f"--wait-for-rollout. {PAGE}"
    )


def behind_pooler(error: BehindPoolerError) -> str:
    """Say that connections cannot be seen through a pooler."""
    tried = (
        ""
        if error.other == error.alias
        else f", and {error.other!r} (MIGRATION_LOCK_DATABASE) does not connect to the "
        "same database directly"
    )
    return (
        f"The database {error.alias!r} is behind a pooler{tried}. A pooler hides which "
        "version is connected. Nothing was applied.\n"
        "Fix: add an alias to DATABASES that connects to the same database directly, "
        f"and name it in MIGRATION_LOCK_DATABASE. {PAGE}"
    )


ERRORS: dict[type[Exception], Callable[..., str]] = {
    BehindPoolerError: behind_pooler,
    NotMarkedError: not_marked,
    RolloutUnfinishedError: unfinished,
    UnsupportedError: unsupported,
}
EVENTS: dict[type, Callable[..., str]] = {
    OthersSeen: others_seen,
    RolledOut: rolled_out,
    Watching: watching,
}
