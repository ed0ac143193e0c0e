"""The options of a guarded run: those of its command line, else the settings."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable
from typing import TypeVar

from django.core.management.base import CommandError

from syzygy_like import conf
from syzygy_like.conf import parse_duration
from syzygy_like.management.migrate.options import BY_NAME, RETRIES, Options, spelled
from syzygy_like.safeguards.limits import Limits, Quorum

T = TypeVar("T")
# How long to wait by default, in seconds.
LOCK_WAIT = 600.0
QUORUM_TIMEOUT = 600.0


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """
    What a guarded run does beside migrating.

    ``lock_wait`` is how long it waits for other runs, None if it does not;
    ``rollout_wait`` how long it waits for the old version to be gone; in seconds.
    """

    lock_wait: float | None
    limits: Limits
    quorum: Quorum | None
    rollout_wait: float | None
    rolls_back: bool
    accepts_irreversible: bool


def run_options(options: Options) -> RunOptions:
    """Return the options of a run. Raises CommandError for a value that is wrong."""
    locks = options.get("migration_lock")
    wait = _time(options, "migration_lock_wait", LOCK_WAIT)
    return RunOptions(
        lock_wait=wait if locks is not False else None,
        limits=_limits(options),
        quorum=_quorum(options),
        rollout_wait=_time(options, "wait_for_rollout"),
        rolls_back=bool(options.get("rollback_on_failure")),
        accepts_irreversible=bool(options.get("allow_irreversible")),
    )


def _limits(options: Options) -> Limits:
    limits = Limits(
        _time(options, "lock_timeout"),
        _number(options, "lock_retries", RETRIES),
        _time(options, "statement_timeout"),
        required=any(
            options.get(each) is not None
            for each in ("lock_timeout", "statement_timeout")
        ),
    )
    lock, statement = limits.lock_timeout, limits.statement_timeout
    if lock and statement and statement <= lock:
        raise CommandError(
            "The statement timeout has to be longer than the lock timeout, or it ends "
            "each wait for a lock first. Make it longer, or leave one of them out.",
            returncode=2,
        )
    if options.get("lock_retries") is not None and not limits.are_given:
        raise CommandError(
            "--lock-retries requires --lock-timeout or --statement-timeout.",
            returncode=2,
        )
    return limits


def _quorum(options: Options) -> Quorum | None:
    if options.get("quorum") is None:
        return None
    size = _number(options, "quorum")
    if size < 1:
        raise CommandError(
            "--quorum takes a number of parties, 1 or more.", returncode=2
        )
    party = socket.gethostname()
    if options.get("party") is not None:
        party = str(options["party"]).strip()
    if not party or not party.isprintable():
        raise CommandError("--party takes a name of one line.", returncode=2)
    timeout = _time(options, "quorum_timeout", QUORUM_TIMEOUT)
    return Quorum(size, party, timeout or 0.0)


def _time(options: Options, option: str, default: float | None = None) -> float | None:
    """Return a time in seconds."""
    found = _read(options, option, parse_duration, "a time such as 500ms, 30s or 10min")
    return default if found is None else found


def _number(options: Options, option: str, default: int = 0) -> int:
    found = _read(options, option, natural, "a number, 0 or more")
    return default if found is None else found


def _read(
    options: Options, option: str, read: Callable[[object], T], what: str
) -> T | None:
    """Return the value of an option, or of the setting in its place, if it has one."""
    value, name, known = options.get(option), spelled(option), BY_NAME[option]
    if value is None and known.setting:
        value, name = conf.value(known.setting), known.setting
    if value is True and known.const is not None:  # by call_command
        value = known.const
    if value is None:
        return None
    try:
        return read(value)
    except (TypeError, ValueError):
        raise CommandError(
            f"{name} takes {what}, not {value!r}.", returncode=2
        ) from None


def natural(value: object) -> int:
    """Return a number of things. Raises ValueError or TypeError."""
    number = int(value)  # type: ignore[call-overload]
    if isinstance(value, bool) or number != value or number < 0:
        raise ValueError(value)
    return int(number)
