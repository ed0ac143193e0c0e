"""Actions that are tried again where a lock was not to be had."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from syzygy_like.safeguards.limits import Limits, NoRetries
from syzygy_like.safeguards.timeouts.dialects import DIALECTS, dialect
from syzygy_like.safeguards.timeouts.errors import NoLimitsError
from syzygy_like.safeguards.timeouts.session import SessionTimeouts
from syzygy_like.safeguards.timeouts.trials import RetryLoop
from syzygy_like.safeguards.timeouts.watcher import Watcher, watching

T = TypeVar("T")


class Patient(NoRetries):
    """Puts limits in force, and tries again. ``tell`` is told what happens."""

    def __init__(self, limits: Limits, tell: Callable[[Any], None]):
        self.limits = limits
        self.tell = tell
        self.force: SessionTimeouts | None = None

    @contextlib.contextmanager
    def in_force(self, connection: Any) -> Iterator[None]:
        """
        Have the limits hold for the statements of a connection.

        Raises NoLimitsError if its database knows none, and they were asked for.
        """
        found = dialect(connection)
        if not self.limits.are_given or found is None:
            if self.limits.are_given and self.limits.required:
                raise NoLimitsError(connection.alias, connection.vendor)
            yield
            return
        force = SessionTimeouts(found, self.limits, self.tell)
        before = self.force
        with force.on(), watching(self._watcher(force)):
            self.force = force
            try:
                yield
            finally:
                self.force = before

    def _watcher(self, force: SessionTimeouts) -> Watcher:
        given = [self.limits.statement_timeout]
        if self.limits.lock_timeout:
            given.append(force.dialect.waits(self.limits.lock_timeout))
        return Watcher(
            force.connection,
            lambda: force.session,
            lambda: force.running,
            min(limit for limit in given if limit),
        )

    def attempt(
        self,
        connection: Any,
        name: str,
        action: Callable[[], T],
        is_safe: Callable[[], bool],
    ) -> T:
        """
        Carry out an action of a migration, and again while it lacks a lock.

        It has to begin anew each time. Inside of a transaction of the caller's it is
        not tried again, for what that has done before is lost. Raises LockTimeoutError,
        StatementTimeoutError, and whatever else the action raises.
        """
        is_limited = self.limits.are_given and connection.vendor in DIALECTS
        if not is_limited or connection.in_atomic_block:
            return action()
        trial = RetryLoop(connection, name, self.limits, self.force, self.tell, is_safe)
        while True:
            try:
                return action()
            except Exception as error:
                leave_transaction(connection, error)
                if not trial.goes_on(error):
                    raise


def leave_transaction(connection: Any, error: Exception) -> None:
    """
    Leave what is still open of a transaction that an error has ended.

    Where deferred SQL fails, Django's schema editor does not leave its atomic block,
    and the connection refuses everything from then on. It keeps its session this way.
    """
    while connection.in_atomic_block and connection.atomic_blocks:
        block = connection.atomic_blocks[-1]
        block.__exit__(type(error), error, error.__traceback__)
