"""Other sessions that hold locks, and what a lock_retries run tells meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connections

from syzygy_like.safeguards.limits import Limits
from syzygy_like.safeguards.timeouts.errors import Retry
from syzygy_like.safeguards.timeouts.retry import LockRetries


class Session:
    """Another session of a database, inside of a transaction."""

    def __init__(self, alias: str):
        self.connection = connections[alias].copy()
        self.connection.set_autocommit(False)

    def execute(self, sql: str) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None

    @property
    def pid(self) -> int:
        name = "pg_backend_pid" if self.connection.vendor == "postgresql" else ""
        return self.execute(f"SELECT {name or 'CONNECTION_ID'}()")[0][0]

    def release(self) -> None:
        self.connection.rollback()


@contextlib.contextmanager
def session(alias: str, *statements: str) -> Iterator[Session]:
    """Open a session that has executed statements, and does nothing more."""
    found = Session(alias)
    try:
        for sql in statements:
            found.execute(sql)
        yield found
    finally:
        found.connection.close()


class Listener:
    """Hears what a run tells, and calls ``heard`` for each retry, if there is one."""

    def __init__(self, heard: Any = None):
        self.events: list[Any] = []
        self.heard = heard

    def __call__(self, event: Any) -> None:
        self.events.append(event)
        if self.heard and isinstance(event, Retry):
            self.heard()

    @property
    def retries(self) -> list[Retry]:
        return [event for event in self.events if isinstance(event, Retry)]


def lock_retries(heard: Any = None, **limits: Any) -> LockRetries:
    """Return a policy that limits and tries again; its ``tell`` is a Listener."""
    return LockRetries(
        Limits(**{"lock_timeout": 0.1, "retries": 3, **limits}), Listener(heard)
    )
