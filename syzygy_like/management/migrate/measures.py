"""What a run of migrate takes care of, by its options and the settings."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from syzygy_like import conf, durations
from syzygy_like.management.migrate.options import RETRIES, spelled
from syzygy_like.safeguards.limits import Limits, Quorum

# How long to wait by default, in seconds.
LOCK_WAIT = 600.0
QUORUM_TIMEOUT = 600.0


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """
    What a run takes care of.

    ``lock_wait`` is how long it waits for other runs, None if it does not care;
    ``rollout_wait`` how long it waits for old code to be gone; both in seconds.
    """

    lock_wait: float | None
    limits: Limits
    quorum: Quorum | None
    rollout_wait: float | None
    rolls_back: bool
    accepts_irreversible: bool


def run_options(options: dict[str, Any]) -> RunOptions:
    """Return what a run takes care of. Raises CommandError."""
    locks = options.get("migration_lock")
    wait = _time(options, "migration_lock_wait", conf.LOCK_WAIT, LOCK_WAIT)
    return RunOptions(
        lock_wait=wait if locks is not False else None,
        limits=_limits(options),
        quorum=_quorum(options),
        rollout_wait=_time(options, "wait_for_rollout"),
        rolls_back=bool(options.get("rollback_on_failure")),
        accepts_irreversible=bool(options.get("allow_irreversible")),
    )


def _limits(options: dict[str, Any]) -> Limits:
    limits = Limits(
        _time(options, "lock_timeout", conf.LOCK_TIMEOUT),
        _number(options, "lock_retries", conf.LOCK_RETRIES, RETRIES),
        _time(options, "statement_timeout", conf.STATEMENT_TIMEOUT),
        required=any(
            options.get(each) is not None
            for each in ("lock_timeout", "statement_timeout")
        ),
    )
    lock, statement = limits.lock_timeout, limits.statement_timeout
    if lock and statement and statement <= lock:
        raise CommandError(
            "A statement timeout that is not longer than the lock timeout leaves none "
            "of that: make it longer, or leave one of them out.",
            returncode=2,
        )
    if options.get("lock_retries") is not None and not limits.are_given:
        raise CommandError(
            "--lock-retries goes with --lock-timeout or --statement-timeout.",
            returncode=2,
        )
    return limits


def _quorum(options: dict[str, Any]) -> Quorum | None:
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
    timeout = _time(options, "quorum_timeout", default=QUORUM_TIMEOUT)
    return Quorum(size, party, timeout or 0.0)


def _time(
    options: dict[str, Any], option: str, setting: str = "", default: Any = None
) -> float | None:
    found = _read(options, option, setting, default, durations.seconds, "a time")
    return None if found is None else float(found)


def _number(
    options: dict[str, Any], option: str, setting: str = "", default: Any = None
) -> int:
    return int(_read(options, option, setting, default, natural, "a number"))


def _read(
    options: dict[str, Any],
    option: str,
    setting: str,
    default: Any,
    read: Callable[[Any], Any],
    what: str,
) -> Any:
    """Return the value of an option, of a setting in its place, or a default."""
    value, name = options.get(option), spelled(option)
    if value is None and setting:
        value, name = conf.value(setting), setting
    if value is None:
        return default
    try:
        return read(value)
    except (TypeError, ValueError):
        raise CommandError(
            f"{name} takes {what}, not {value!r}.", returncode=2
        ) from None


def natural(value: Any) -> int:
    """Return a number of things. Raises ValueError."""
    if isinstance(value, bool) or int(value) != value or value < 0:
        raise ValueError(value)
    return int(value)
