"""Limits in force on a connection."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from syzygy_like.safeguards.limits import Limits
from syzygy_like.safeguards.timeouts.blockers import Running, shortened
from syzygy_like.safeguards.timeouts.dialects import Dialect, Values
from syzygy_like.safeguards.timeouts.errors import Unlimited, failure
from syzygy_like.safeguards.timeouts.exemptions import Exemption, exemption

OFF = 0
# psycopg's TransactionStatus.IDLE: no transaction has begun yet.
IDLE = 0
# Django itself executes these in no transaction, for its table of migrations.
HARMLESS = re.compile(r"\s*(SELECT|INSERT|DELETE|SET|SHOW)\b", re.IGNORECASE)


class SessionTimeouts:
    """
    Limits that hold for all statements of a connection.

    They are parameters of its session: so they hold for the driver's own cursors, too,
    and outlive each transaction. A session that is opened meanwhile gets them when it
    begins. Behind a pooler that keeps no session, the first statement of each
    transaction sets them again, before any savepoint.

    ``failed`` is the last statement that was cut off.
    """

    def __init__(
        self, dialect: Dialect, limits: Limits, tell: Callable[[object], None]
    ):
        self.dialect = dialect
        self.connection = dialect.connection
        self.tell = tell
        self.limits = limits
        self.lock = dialect.lock(limits.lock_timeout) if limits.lock_timeout else {}
        self.statement: Values = {}
        if limits.statement_timeout:
            self.statement = dialect.statement(limits.statement_timeout)
        self.values = {**self.lock, **self.statement}
        self.before: Values = {}
        self.session: int | None = None
        self.is_pooled = False
        self.running: Running | None = None
        self.failed: Running | None = None
        self._told = False

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Have the limits hold meanwhile, and restore the session afterwards."""
        self.connection.ensure_connection()
        if not self.connection.in_atomic_block:
            self.is_pooled = self.dialect.is_pooled()
        self._begin()
        connection_created.connect(self._created, weak=False, dispatch_uid=id(self))
        try:
            with self.connection.execute_wrapper(self):
                yield
        finally:
            connection_created.disconnect(dispatch_uid=id(self))
            self._end()

    def _created(self, connection: BaseDatabaseWrapper, **kwargs: object) -> None:
        if connection is self.connection:
            self._begin()

    def _begin(self) -> None:
        """Limit the session that is open now."""
        if self.is_pooled:
            return
        self.session = self.dialect.session()
        before = self.dialect.read(self.values)
        # A pool of the driver's may return a session that has the limits already.
        if before != self.values or not self.before:
            self.before = before
        self.dialect.set(self.values)

    def _end(self) -> None:
        if self.connection.connection is None or self.is_pooled:
            return
        # A session that is broken, or in a broken transaction, loses them by itself.
        with contextlib.suppress(Error):
            self.dialect.set(self.before)

    def __call__(
        self,
        execute: Callable[..., object],
        sql: object,
        params: object,
        many: bool,
        context: object,
    ) -> object:
        """Execute a statement within the limits that hold for it."""
        text = self._text(sql)
        exempted = self._exempted(text)
        with self._limiting(text, exempted), self._noting(text, bool(exempted)):
            return execute(sql, params, many, context)

    @contextlib.contextmanager
    def _noting(self, text: str, is_exempt: bool) -> Iterator[None]:
        """Note which statement runs meanwhile, and whether it is cut off."""
        may_take = None if is_exempt else self.limits.statement_timeout
        self.running = running = Running(text, time.monotonic(), may_take)
        try:
            yield
        except Exception as error:
            running.seconds = time.monotonic() - running.since
            if failure(error, self.connection):
                self.failed = running
            raise
        finally:
            self.running = None

    def _text(self, sql: object) -> str:
        """Return SQL as text; psycopg may compose it of parts."""
        if hasattr(sql, "as_string"):
            return str(sql.as_string(self.connection.connection))
        return str(sql)

    @contextlib.contextmanager
    def _limiting(self, text: str, exempted: Values) -> Iterator[None]:
        """Have the limits hold meanwhile, except for those that are ``exempted``."""
        in_transaction = not self.connection.get_autocommit()
        if self.is_pooled and not in_transaction:
            if not exempted and not HARMLESS.match(text):
                self._warn(text)
            yield
            return
        if self.is_pooled and self._is_idle():
            self.dialect.set(self.values, local=True)
        with self._lifted(exempted, in_transaction and self.dialect.is_transactional):
            yield

    def _exempted(self, text: str) -> Values:
        """Return the limits that do not hold for a statement."""
        of = {Exemption.BOTH: self.values, Exemption.STATEMENT: self.statement}
        return of.get(exemption(text), {})

    def _is_idle(self) -> bool:
        return int(self.connection.connection.info.transaction_status) == IDLE

    @contextlib.contextmanager
    def _lifted(self, values: Values, local: bool) -> Iterator[None]:
        """Lift limits meanwhile, ``local`` to a transaction."""
        if not values:
            yield
            return
        self.dialect.set(dict.fromkeys(values, OFF), local)
        try:
            yield
        except BaseException:
            if not local:  # otherwise the end of the transaction undoes it
                with contextlib.suppress(Error):
                    self.dialect.set(values)
            raise
        self.dialect.set(values, local)

    def _warn(self, text: str) -> None:
        if not self._told:
            self._told = True
            self.tell(Unlimited(self.connection.alias, shortened(text)))
