"""The lock that a server keeps for a session."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from django.db import Error

from syzygy_like.safeguards.locking.lock import Identity, identity


def own_connection(connection: Any) -> Any:
    """
    Return a connection like another one, not yet open, for one session of its own.

    It is in no transaction: one that stays open is waited for by whoever builds an
    index concurrently. Nor is it from a pool of the driver's, which the migrations may
    need to the last.
    """
    own = connection.copy()
    own.settings_dict["AUTOCOMMIT"] = True
    own.settings_dict.get("OPTIONS", {}).pop("pool", None)
    return own


def ask(connection: Any, sql: str, params: Sequence[Any] = ()) -> Any:
    """Return the first row of an answer, None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


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
