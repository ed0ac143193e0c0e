"""Tries of an action that may lack a lock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from syzygy_like.safeguards.limits import Limits
from syzygy_like.safeguards.timeouts.blockers import shortened
from syzygy_like.safeguards.timeouts.dialects import dialect
from syzygy_like.safeguards.timeouts.errors import (
    LockTimeoutError,
    StatementTimeoutError,
)
from syzygy_like.safeguards.timeouts.events import Retry
from syzygy_like.safeguards.timeouts.failures import Failure, failure
from syzygy_like.safeguards.timeouts.session import SessionTimeouts
from syzygy_like.safeguards.timeouts.watcher import Running
from syzygy_like.signals import migration_retried

# How many seconds to wait at most before the first retry, and before any.
FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
# As much of its limit a statement has taken at least that has come up against it;
# one that is cut off earlier was cancelled by somebody, which has the same code.
ELAPSED = 0.9


class RetryLoop:
    """Tries of an action of a migration; see ``guard.Patience``."""

    def __init__(
        self,
        connection: Any,
        name: str,
        limits: Limits,
        force: SessionTimeouts | None,
        tell: Callable[[Any], None],
        is_safe: Callable[[], bool],
    ):
        self.connection = connection
        self.name = name
        self.limits = limits
        self.force = force
        self.tell = tell
        self.is_safe = is_safe
        self.number = 0
        self.started = time.monotonic()
        self.cut_off = Running()

    def goes_on(self, error: Exception) -> bool:
        """
        Wait for the next try after one that failed, and tell whether there is one.

        Raises LockTimeoutError, StatementTimeoutError.
        """
        self.number += 1
        found = failure(error, self.connection)
        self._look()
        if found is Failure.STATEMENT and self._has_elapsed():
            raise self._too_long() from error
        if found not in (Failure.LOCK, Failure.DEADLOCK):
            return False
        is_safe, is_deadlock = self.is_safe(), found is Failure.DEADLOCK
        if not is_safe or self.number > self.limits.retries:
            raise self._given_up(is_safe, is_deadlock) from error
        self._wait(error, is_deadlock)
        return True

    def _look(self) -> None:
        """Note what was cut off, and who was seen to block it, now or before."""
        found = self.force.failed if self.force else None
        blockers = self.cut_off.blockers
        self.cut_off = found or Running()
        self.cut_off.blockers = self.cut_off.blockers or blockers
        if self.force:
            self.force.failed = None

    def _has_elapsed(self) -> bool:
        limit = self.cut_off.may_take
        return limit is not None and self.cut_off.seconds >= limit * ELAPSED

    def _too_long(self) -> StatementTimeoutError:
        statement = shortened(self.cut_off.statement)
        limit = self.limits.statement_timeout
        return StatementTimeoutError(self.name, limit, statement, self.is_safe())

    def _given_up(self, is_safe: bool, is_deadlock: bool) -> LockTimeoutError:
        statement = shortened(self.cut_off.statement)
        limit = self.limits.lock_timeout
        found = dialect(self.connection)
        if limit and found:
            limit = found.waits(limit)
        error = LockTimeoutError(self.name, limit, statement, is_safe)
        error.tries = self.number
        error.seconds = time.monotonic() - self.started
        error.vendor = self.connection.vendor
        error.blockers = self.cut_off.blockers
        error.is_deadlock = is_deadlock
        return error

    def _wait(self, error: Exception, is_deadlock: bool) -> None:
        delay = delay_before(self.number)
        blockers = self.cut_off.blockers
        statement = shortened(self.cut_off.statement)
        number, retries = self.number, self.limits.retries
        self.tell(
            Retry(self.name, number, retries, delay, statement, blockers, is_deadlock)
        )
        # A receiver that fails has no say in whether the migration does.
        migration_retried.send_robust(
            sender=type(self.connection),
            using=self.connection.alias,
            migration=self.name,
            attempt=number,
            retries=retries,
            delay=delay,
            error=error,
            blockers=blockers,
        )
        time.sleep(delay)


def delay_before(number: int) -> float:
    """
    Return how many seconds to wait before the retry of a number, counted from 1.

    It is anything up to a length that doubles, so that runs which got into each other's
    way do not do so again.
    """
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (number - 1))
    return random.uniform(0, longest)  # noqa: S311
