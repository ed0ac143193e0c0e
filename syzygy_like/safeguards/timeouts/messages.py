"""Messages about statements that waited or took too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syzygy_like.conf import format_duration
from syzygy_like.safeguards.timeouts.blockers import Blocker
from syzygy_like.safeguards.timeouts.errors import (
    LockTimeoutError,
    NoLimitsError,
    Retry,
    StatementTimeoutError,
    Unlimited,
)

PAGE = "See docs/how-to/lock-timeouts.rst."
# The statement that ends a session, on its server.
ENDS = {"postgresql": "SELECT pg_terminate_backend({});", "mysql": "KILL {};"}
# How many sessions a message names.
NAMED = 5


def blocker(found: Blocker) -> str:
    """Name a session: 'process 12 ("worker", user shop), idle in transaction'."""
    if not found.pid:
        return "a prepared transaction"
    names = [f'"{found.application}"'] if found.application else []
    names += [f"user {found.user}"] if found.user else []
    said = f"process {found.pid}"
    if names:
        said += f" ({', '.join(names)})"
    if found.state:
        said += f", {found.state}"
    if found.age is not None:
        said += f", its transaction {format_duration(max(found.age, 0))} old"
    if found.waits:
        said += ", also waiting"
    return f"{said}: {found.query}" if found.query else said


def blockers(found: Sequence[Blocker]) -> list[str]:
    """Name the sessions that block, one a line; of many only the first ones."""
    lines = [
        f"{'Blocked by' if each.is_certain else 'Maybe blocked by'} {blocker(each)}"
        for each in found[:NAMED]
    ]
    waiting = sum(each.waits for each in found[NAMED:])
    if holding := len(found[NAMED:]) - waiting:
        lines.append(f"and {holding} more")
    if waiting:
        lines.append(f"and {waiting} that also {'wait' if waiting > 1 else 'waits'}")
    return lines


def retry(event: Retry) -> str:
    """Say that a migration is tried again, and why."""
    why = "was in a deadlock" if event.is_deadlock else "waited too long for a lock"
    head = (
        f"{event.name} {why}; retry {event.number} of {event.retries} in "
        f"{format_duration(event.delay)}."
    )
    return "\n    ".join([head, *blockers(event.blockers)])


def locked(error: LockTimeoutError) -> str:
    """Say what could not get a lock, who holds it, and what to do."""
    lines = [_head(error), *_statement(error.statement), *blockers(error.blockers)]
    if not error.is_safe:
        lines.append(
            "It was not tried again: outside a transaction, the operation had already "
            "changed something. The next run starts that operation again from its "
            f"beginning. Check first that this is safe. {PAGE}"
        )
        return "\n".join(lines)
    if error.is_deadlock:
        fix = f"Fix: run this again, or allow more tries with --lock-retries. {PAGE}"
        return "\n".join([*lines, fix])
    fix = (
        "Fix: run this again when the lock is free, or allow more with --lock-retries "
        f"and --lock-timeout. {PAGE}"
    )
    if ends := _ends(error):
        fix += f"\nTo end the session that holds it: {ends}"
    return "\n".join([*lines, fix])


def _head(error: LockTimeoutError) -> str:
    tries = "one try" if error.tries == 1 else f"{error.tries} tries"
    if error.is_deadlock:
        last = "" if error.tries == 1 else "the last of "
        return f"a deadlock, in {last}{tries}, after {format_duration(error.seconds)}."
    within = f" within {format_duration(error.limit)}" if error.limit else ""
    return f"it got no lock{within}, in {tries} and {format_duration(error.seconds)}."


def _statement(sql: str) -> list[str]:
    return [f"    {sql}"] if sql else []


def _ends(error: LockTimeoutError) -> str:
    """Return what ends the sessions that certainly hold the lock."""
    known = [
        each.pid
        for each in error.blockers[:NAMED]
        if each.is_certain and each.pid and not each.waits
    ]
    end = ENDS.get(error.vendor, "")
    return " ".join(end.format(pid) for pid in known)


def took_too_long(error: StatementTimeoutError) -> str:
    """Say which statement took too long, and what to do."""
    return "\n".join(
        [
            f"a statement took longer than {format_duration(error.limit or 0)} and was "
            "cut off.",
            *_statement(error.statement),
            "It was not tried again, because it would take as long.\n"
            "Fix: give it more time with --statement-timeout, or make it faster: build "
            "an index concurrently, validate a constraint on its own, change rows with "
            f"a Backfill. {PAGE}",
        ]
    )


def no_limits(error: NoLimitsError) -> str:
    """Say that a database has no limits."""
    return (
        f"The database {error.alias!r} ({error.vendor}) has no limits that "
        "--lock-timeout and --statement-timeout could set.\n"
        "Fix: leave these options out. The settings MIGRATION_LOCK_TIMEOUT and "
        f"MIGRATION_STATEMENT_TIMEOUT may stay: they have no effect there. {PAGE}"
    )


def unlimited(event: Unlimited) -> str:
    """Say that a statement in no transaction has no limits."""
    return (
        f"The database {event.alias!r} is behind a pooler that keeps no session, where "
        "limits hold in transactions only. This statement is in no transaction, so it "
        "has no limits:\n"
        f"    {event.statement}"
    )


ERRORS: dict[type[Exception], Callable[..., str]] = {
    LockTimeoutError: locked,
    StatementTimeoutError: took_too_long,
    NoLimitsError: no_limits,
}
EVENTS: dict[type, Callable[..., str]] = {Retry: retry, Unlimited: unlimited}
