"""Messages about statements that waited, or took, too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from syzygy_like.durations import text
from syzygy_like.safeguards.timeouts import (
    Blocker,
    LockTimeoutError,
    NoLimitsError,
    Retry,
    StatementTimeoutError,
    Unlimited,
)

# What ends a session, on its server.
ENDS = {"postgresql": "SELECT pg_terminate_backend({});", "mysql": "KILL {};"}
# How many sessions are named.
NAMED = 5


def blocker(found: Blocker) -> str:
    """Say who has a lock: 'process 12 ("worker", user shop), idle in transaction'."""
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
        said += f", its transaction {text(max(found.age, 0))} old"
    if found.waits:
        said += ", waiting as well"
    return f"{said}: {found.query}" if found.query else said


def blockers(found: Sequence[Blocker]) -> list[str]:
    """Say line by line who blocks, if anybody was seen; of many the first ones."""
    lines = [
        f"{'Blocked by' if each.is_certain else 'Maybe blocked by'} {blocker(each)}"
        for each in found[:NAMED]
    ]
    waiting = sum(each.waits for each in found[NAMED:])
    if holding := len(found[NAMED:]) - waiting:
        lines.append(f"and {holding} more")
    if waiting:
        lines.append(f"and {waiting} that {'wait' if waiting > 1 else 'waits'} as well")
    return lines


def retry(event: Retry) -> str:
    """Say that something is tried again, and why it has to be."""
    why = (
        "was in a deadlock" if event.is_deadlock else "had to wait too long for a lock"
    )
    head = (
        f"{event.name} {why}; retry {event.number} of {event.retries} in "
        f"{text(event.delay)}."
    )
    return "\n    ".join([head, *blockers(event.blockers)])


def locked(error: LockTimeoutError) -> str:
    """Say what could not have a lock, who has it, and what to do."""
    lines = [_head(error), *_statement(error.statement), *blockers(error.blockers)]
    if not error.is_safe:
        lines.append(
            "It was not tried again, for the operation had changed something already, "
            "in no transaction. The next run begins that operation anew: see first "
            "that it can."
        )
        return "\n".join(lines)
    if error.is_deadlock:
        ways = "Run this again, or allow for more with --lock-retries."
        return "\n".join([*lines, ways])
    ways = (
        "Run this again when the lock is free, or allow for more with --lock-retries "
        "and --lock-timeout."
    )
    if ends := _ends(error):
        ways += f" To end what holds it: {ends}"
    return "\n".join([*lines, ways])


def _head(error: LockTimeoutError) -> str:
    tries = "one try" if error.tries == 1 else f"{error.tries} tries"
    if error.is_deadlock:
        last = "" if error.tries == 1 else "the last of "
        return f"a deadlock, in {last}{tries}, after {text(error.seconds)}."
    within = f" within {text(error.limit)}" if error.limit else ""
    return f"no lock was to be had{within}, in {tries} and {text(error.seconds)}."


def _statement(sql: str) -> list[str]:
    return [f"    {sql}"] if sql else []


def _ends(error: LockTimeoutError) -> str:
    """Return what ends those of whom it is known that they hold the lock."""
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
            f"a statement took longer than {text(error.limit or 0)}, and was cut off.",
            *_statement(error.statement),
            "It was not tried again, for it would take as long. Give it more time with "
            "--statement-timeout, or have it take less: an index can be built "
            "concurrently, a constraint validated on its own, rows changed by a "
            "Backfill.",
        ]
    )


def no_limits(error: NoLimitsError) -> str:
    """Say that a database cannot do it."""
    return (
        f"The database {error.alias!r} ({error.vendor}) has no limits that "
        "--lock-timeout and --statement-timeout could set. Leave them out. "
        "MIGRATION_LOCK_TIMEOUT and MIGRATION_STATEMENT_TIMEOUT may stay: they make "
        "no difference there."
    )


def unlimited(event: Unlimited) -> str:
    """Say that limits do not hold for what is in no transaction."""
    return (
        f"The database {event.alias!r} is behind a pooler that keeps no session. "
        "Limits hold in transactions there; this statement is in none, and has none.\n"
        f"    {event.statement}"
    )


ERRORS: dict[type[Exception], Callable[[Any], str]] = {
    LockTimeoutError: locked,
    StatementTimeoutError: took_too_long,
    NoLimitsError: no_limits,
}
EVENTS: dict[type, Callable[[Any], str]] = {Retry: retry, Unlimited: unlimited}
