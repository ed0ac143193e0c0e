"""Actions that are tried again when they cannot get a lock."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.limits import Limits, NoRetries
from syzygy_like.safeguards.timeouts.blockers import (
    BlockerWatch,
    Running,
    shortened,
    watching,
)
from syzygy_like.safeguards.timeouts.dialects import DIALECTS, dialect
from syzygy_like.safeguards.timeouts.errors import (
    Failure,
    LockTimeoutError,
    NoLimitsError,
    Retry,
    StatementTimeoutError,
    failure,
)
from syzygy_like.safeguards.timeouts.session import SessionTimeouts
from syzygy_like.signals import migration_retried

T = TypeVar("T")

# The longest delay in seconds: before the first retry, and before any.
FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
# A statement that the limit has cut off took at least this share of it. If it was cut
# off earlier, a user has cancelled it; the error has the same code.
ELAPSED = 0.9


class LockRetries(NoRetries):
    """Sets the limits, and tries again. ``tell`` gets the events."""

    def __init__(self, limits: Limits, tell: Callable[[object], None]):
        self.limits = limits
        self.tell = tell
        self.timeouts: SessionTimeouts | None = None

    @contextlib.contextmanager
    def in_force(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """
        Have the limits hold for the statements of a connection.

        Raises NoLimitsError if its database has no limits and the user asked for them.
        """
        found = dialect(connection)
        if not self.limits.are_given or found is None:
            if self.limits.are_given and self.limits.required:
                raise NoLimitsError(connection.alias, connection.vendor)
            yield
            return
        timeouts = SessionTimeouts(found, self.limits, self.tell)
        before = self.timeouts
        with timeouts.on(), watching(self._watch(timeouts)):
            self.timeouts = timeouts
            try:
                yield
            finally:
                self.timeouts = before

    def _watch(self, timeouts: SessionTimeouts) -> BlockerWatch:
        given = [self.limits.statement_timeout]
        if self.limits.lock_timeout:
            given.append(timeouts.dialect.waits(self.limits.lock_timeout))
        return BlockerWatch(
            timeouts.connection,
            lambda: timeouts.session,
            lambda: timeouts.running,
            min(limit for limit in given if limit),
        )

    def attempt(
        self,
        connection: BaseDatabaseWrapper,
        name: str,
        action: Callable[[], T],
        is_safe: Callable[[], bool],
    ) -> T:
        """
        Call an action of a migration, and again while it cannot get a lock.

        The action has to start over each time. In a transaction of the caller's it is
        not tried again, because the failure undoes what the caller has done. Raises
        LockTimeoutError, StatementTimeoutError, and what the action raises.
        """
        is_limited = self.limits.are_given and connection.vendor in DIALECTS
        if not is_limited or connection.in_atomic_block:
            return action()
        loop = RetryLoop(
            connection, name, self.limits, self.timeouts, self.tell, is_safe
        )
        while True:
            try:
                return action()
            except Exception as error:
                leave_transaction(connection, error)
                if not loop.continues(error):
                    raise


def leave_transaction(connection: BaseDatabaseWrapper, error: Exception) -> None:
    """
    Leave the atomic blocks that are still open after an error.

    When deferred SQL fails, Django's schema editor does not leave its atomic block, and
    the connection refuses all further queries. This way it keeps its session.
    """
    while connection.in_atomic_block and connection.atomic_blocks:
        block = connection.atomic_blocks[-1]
        block.__exit__(type(error), error, error.__traceback__)


class RetryLoop:
    """The tries of one action of a migration; see ``LockRetries.attempt``."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        name: str,
        limits: Limits,
        timeouts: SessionTimeouts | None,
        tell: Callable[[object], None],
        is_safe: Callable[[], bool],
    ):
        self.connection = connection
        self.name = name
        self.limits = limits
        self.timeouts = timeouts
        self.tell = tell
        self.is_safe = is_safe
        self.number = 0
        self.started = time.monotonic()
        self.cut_off = Running()

    def continues(self, error: Exception) -> bool:
        """
        Wait before the next try; return whether there is one.

        Raises LockTimeoutError if there is none left, and StatementTimeoutError.
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
        """Note which statement was cut off, and which sessions have blocked it."""
        found = self.timeouts.failed if self.timeouts else None
        blockers = self.cut_off.blockers
        self.cut_off = found or Running()
        self.cut_off.blockers = self.cut_off.blockers or blockers
        if self.timeouts:
            self.timeouts.failed = None

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
        return LockTimeoutError(
            self.name,
            limit,
            statement,
            is_safe,
            tries=self.number,
            seconds=time.monotonic() - self.started,
            vendor=self.connection.vendor,
            blockers=self.cut_off.blockers,
            is_deadlock=is_deadlock,
        )

    def _wait(self, error: Exception, is_deadlock: bool) -> None:
        delay = delay_before(self.number)
        blockers = self.cut_off.blockers
        statement = shortened(self.cut_off.statement)
        number, retries = self.number, self.limits.retries
        self.tell(
            Retry(self.name, number, retries, delay, statement, blockers, is_deadlock)
        )
        # A receiver that fails must not stop the migration.
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
    Return how many seconds to wait before a retry; the first has the number 1.

    The delay is random, up to a maximum that doubles each time: two runs that blocked
    each other should not do so again.
    """
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (number - 1))
    return random.uniform(0, longest)  # noqa: S311
