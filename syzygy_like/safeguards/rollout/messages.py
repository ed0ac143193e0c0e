"""Messages about code that is still connected."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable
from typing import Any

from syzygy_like import durations
from syzygy_like.safeguards.rollout import (
    Backend,
    BehindPoolerError,
    NotMarkedError,
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
    UnsupportedError,
    Watching,
)

PAGE = 'See the page "Wait for the roll-out".'
# How many connections are listed.
LISTED = 20


def described(backend: Backend) -> str:
    """Describe a session: "pid 7, "web [syzygy 3f9a1c2e]", role shop, ..."."""
    name = f'"{backend.application}"' if backend.application else "no name"
    parts = [f"pid {backend.pid}", name, f"role {backend.role}"]
    if not backend.is_visible:
        return ", ".join([*parts, "the rest cannot be seen"])
    parts.append(backend.address or "local")
    if backend.state and backend.since is not None:
        parts.append(f"{backend.state} for {length(backend.since)}")
    if backend.age is not None:
        parts.append(f"connected for {length(backend.age)}")
    return ", ".join(parts)


def length(seconds: float) -> str:
    """Return a length of time in whole seconds: the clocks are not ours."""
    return durations.text(max(1, round(seconds)))


def listed(backends: Iterable[Backend]) -> str:
    """List sessions, one a line."""
    lines = [f"  {described(each)}" for each in backends]
    rest = len(lines) - LISTED
    return "\n".join(lines[:LISTED] + [f"  and {rest} more"] * (rest > 0))


def others_seen(event: OthersSeen) -> str:
    """Say whom the run waits for."""
    return f"Waiting until other code is gone:\n{listed(event.backends)}"


def watching(event: Watching) -> str:
    """Say why the run goes on waiting although nobody is there."""
    why = (
        "connections go through a pooler, which shows code only while it is at work"
        if event.pooled
        else "connections are not kept open (CONN_MAX_AGE is 0)"
    )
    return (
        "No connection of other code is there. Watching until there has been none for "
        f"{durations.text(event.seconds)}: {why}."
    )


def rolled_out(event: RolledOut) -> str:
    """Say that no other code was seen, and what that is worth."""
    text = f"No connection of other code is left ({event.count} of this code)."
    if event.seconds:
        text += f" None has been seen for {durations.text(event.seconds)}."
    if event.pooled:
        text += " What is idle behind a pooler cannot be seen."
    return text


def unfinished(error: RolloutUnfinishedError) -> str:
    """Say who is still there, and the ways out."""
    waited = f"Waited for {durations.text(error.wait)}. " if error.wait else ""
    seen = "" if error.ago < 1 else f" (seen last {length(error.ago)} ago)"
    if not error.backends:
        return (
            f"No connection of other code to the database {error.alias!r} was seen, "
            f"but for less than it takes to tell. {waited}Nothing was applied.\n"
            f"Fix: give it more time. {PAGE}"
        )
    lines = [
        f"Connections to the database {error.alias!r} may be of other code than this, "
        f"which is {error.code}{seen}:\n",
        f"{listed(error.backends)}\n",
        f"{waited}Nothing was applied.",
        "Fix: finish the roll-out, and run the same again. SELECT "
        f"pg_terminate_backend({error.backends[0].pid}) cuts off what should be gone.",
    ]
    lines += unmarked(each.name for each in error.backends if each.mark is None)
    if not all(each.is_visible for each in error.backends):
        lines.append(
            "To see what other roles do, this one has to be a member of "
            "pg_read_all_stats."
        )
    lines.append(f"Otherwise: leave out --wait-for-rollout. {PAGE}")
    return "\n".join(lines)


def unmarked(names: Iterable[str]) -> list[str]:
    """Say what sessions without a mark may be, by their names."""
    found = {*names}
    if not found:
        return []
    text = (
        "What has no mark is code from before MIGRATION_MARK_CONNECTIONS, or none of "
        "the project's."
    )
    # Without a name is whoever gives none, old code among them.
    if patterns := [glob.escape(each) for each in sorted(found) if each.strip()]:
        text += f" In that case: MIGRATION_ROLLOUT_IGNORE = {patterns!r}"
    if len(patterns) < len(found):
        end = "" if text.endswith(".") else "."
        text += f"{end} What has no name needs an application_name to be ignored."
    return [text]


def unsupported(error: UnsupportedError) -> str:
    """Say that only PostgreSQL tells of names."""
    return (
        f"The database {error.alias!r} is not PostgreSQL, and no other tells which "
        "code is connected. Nothing was applied.\n"
        "Fix: leave out --wait-for-rollout, and wait for the roll-out by what rolls it "
        "out."
    )


def not_marked(error: NotMarkedError) -> str:
    """Say that there are no marks to go by."""
    return (
        f"The connections of this command to {error.alias!r} do not say which code "
        "they belong to. Nothing was applied.\n"
        "Fix: set MIGRATION_MARK_CONNECTIONS = True, where this command and the code "
        "that is served both see it, from their start. Roll that out before you use "
        f"--wait-for-rollout. {PAGE}"
    )


def behind_pooler(error: BehindPoolerError) -> str:
    """Say that one cannot look through a pooler."""
    tried = (
        ""
        if error.other == error.alias
        else f", and {error.other!r} (MIGRATION_LOCK_DATABASE) does not lead around it "
        "to the same database"
    )
    return (
        f"The database {error.alias!r} is behind a pooler{tried}. Who looks through it "
        "cannot see who is connected. Nothing was applied.\n"
        "Fix: add an alias to DATABASES that goes to the same database directly, and "
        f"name it in MIGRATION_LOCK_DATABASE. {PAGE}"
    )


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    BehindPoolerError: behind_pooler,
    NotMarkedError: not_marked,
    RolloutUnfinishedError: unfinished,
    UnsupportedError: unsupported,
}
EVENTS: dict[type, Callable[[Any], str]] = {
    OthersSeen: others_seen,
    RolledOut: rolled_out,
    Watching: watching,
}
