"""The lock that a server keeps for a session."""

from __future__ import annotations

import contextlib
from typing import Any

from django.db import Error

from syzygy_like.safeguards.connections import ask, own_connection
from syzygy_like.safeguards.locking.lock import Identity, identity


class ServerLock:
    """A lock that ends with its session: a connection that does nothing else."""

    # What gives it back, with the lock's ``params``.
    release_sql = ""
    params: tuple[Any, ...] = ()

    def __init__(self, keeper: Any, name: str):
        self.identity: Identity = identity(keeper, name)
        self.connection = own_connection(keeper)

    def ask(self, sql: str) -> Any:
        """Return the first row of an answer about the lock, None if there is none."""
        return ask(self.connection, sql, self.params)

    def close(self) -> None:
        """Give the lock back, and end its session."""
        if self.connection.connection is None:
            return
        # What has ended before its time has no lock left to give back.
        with contextlib.suppress(Error):
            self.ask(self.release_sql)
        with contextlib.suppress(Error):
            self.connection.close()
