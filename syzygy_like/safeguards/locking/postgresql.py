"""A session-level advisory lock of PostgreSQL's."""

from __future__ import annotations

import hashlib
from typing import Any

from syzygy_like.safeguards.connections import ask
from syzygy_like.safeguards.locking.errors import PooledError
from syzygy_like.safeguards.locking.lock import Holder
from syzygy_like.safeguards.locking.server import ServerLock
from syzygy_like.safeguards.poolers import is_pooled

# The first half of the key; others who take advisory locks hardly take this one.
SPACE = 0x737A7967
# How often a new lock is looked up, for a pooler may not change sessions at once.
LOOKS = 2

# Not pg_advisory_lock(): while that waits, its statement has a snapshot, which CREATE
# INDEX CONCURRENTLY of the run that has the lock waits for. Each would wait for the
# other, for ever. ("Building Indexes Concurrently" in PostgreSQL's documentation.)
TRY = "SELECT pg_try_advisory_lock(%s, %s)"
RELEASE = "SELECT pg_advisory_unlock(%s, %s)"

# ``objsubid`` is 2 for a key of two halves; see "pg_locks" in the documentation. The
# locks of another database of the server are others.
HOLDER = """
    SELECT pid = pg_backend_pid(), pid, application_name,
        EXTRACT(EPOCH FROM clock_timestamp() - backend_start)::float
    FROM pg_locks
    JOIN pg_stat_activity USING (pid)
    JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2
    AND granted AND pg_database.datname = current_database()
"""

# The session is idle while migrations run. The server is not to end it for that, but
# to notice soon if the machine of its client is gone: by default that takes hours.
SETTINGS = """
    SELECT set_config('idle_session_timeout', '0', false),
        set_config('tcp_keepalives_idle', '60', false),
        set_config('tcp_keepalives_interval', '10', false),
        set_config('tcp_keepalives_count', '6', false)
"""


class PostgreSQLLock(ServerLock):
    """
    The lock of a database, by its name, at the server of ``keeper``.

    ``other`` is another connection with the settings of ``keeper``, in no transaction,
    if there is one.
    """

    release_sql = RELEASE

    def __init__(self, keeper: Any, name: str, other: Any = None):
        super().__init__(keeper, name)
        self.params = (SPACE, half_key(name))
        self.other = other
        self.is_ready = False

    def acquire(self) -> bool:
        """Try to take it. Raises PooledError where no session would keep it."""
        if not self.is_ready:
            self._prepare()
        (is_taken,) = self.ask(TRY)
        if is_taken and not all(self.is_held() for _ in range(LOOKS)):
            raise PooledError(self.connection.alias)
        return bool(is_taken)

    def _prepare(self) -> None:
        if is_pooled(self.connection, self.other):
            raise PooledError(self.connection.alias)
        ask(self.connection, SETTINGS)
        self.is_ready = True

    def is_held(self) -> bool:
        is_ours, *_ = self.ask(HOLDER) or (False,)
        return bool(is_ours)

    def holder(self) -> Holder | None:
        row = self.ask(HOLDER)
        if row is None:
            return None
        # Who is no superuser is not shown all of others' sessions.
        _, pid, application, connected = row
        return Holder("postgresql", pid, application or "", connected)


def half_key(name: str) -> int:
    """Return a number for a name that fits into a positive int4."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
