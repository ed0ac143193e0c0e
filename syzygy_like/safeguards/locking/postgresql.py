"""A session-level advisory lock of PostgreSQL's."""

from __future__ import annotations

import hashlib

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.connections import ask
from syzygy_like.safeguards.locking.lock import Holder, PooledError, ServerLock
from syzygy_like.safeguards.poolers import is_pooled

# The first number of the key; it is unlikely that others take the same one.
SPACE = 0x737A7967
# How often a new lock is looked up: a pooler may not change sessions at once.
LOOKS = 2

# Not pg_advisory_lock(): while it waits, its statement has a snapshot. CREATE INDEX
# CONCURRENTLY of the run that holds the lock waits for that, so each would wait for
# the other forever. ("Building Indexes Concurrently" in PostgreSQL's documentation.)
TRY = "SELECT pg_try_advisory_lock(%s, %s)"
RELEASE = "SELECT pg_advisory_unlock(%s, %s)"

# ``objsubid`` is 2 for a key of two numbers; see "pg_locks" in the documentation. Each
# database of the server has its own locks.
HOLDER = """
    SELECT pid = pg_backend_pid(), pid, application_name,
        EXTRACT(EPOCH FROM clock_timestamp() - backend_start)::float
    FROM pg_locks
    JOIN pg_stat_activity USING (pid)
    JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2
    AND granted AND pg_database.datname = current_database()
"""

# The session is idle while migrations run. The server must not end it for that, but it
# has to notice soon if the client's machine is gone: by default that takes hours.
SETTINGS = """
    SELECT set_config('idle_session_timeout', '0', false),
        set_config('tcp_keepalives_idle', '60', false),
        set_config('tcp_keepalives_interval', '10', false),
        set_config('tcp_keepalives_count', '6', false)
"""


class PostgreSQLLock(ServerLock):
    """
    The lock of a database, by its name, at the server of ``keeper``.

    ``other`` is another connection with the settings of ``keeper``, in no transaction;
    None if there is none.
    """

    release_sql = RELEASE

    def __init__(
        self,
        keeper: BaseDatabaseWrapper,
        name: str,
        other: BaseDatabaseWrapper | None = None,
    ):
        super().__init__(keeper, name)
        self.params = (SPACE, key_of(name))
        self.other = other
        self.is_ready = False

    def acquire(self) -> bool:
        """Try to take it. Raises PooledError behind a pooler that keeps no session."""
        if not self.is_ready:
            self._prepare()
        is_taken = self.ask_value(TRY)
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
        # The server shows the details of others' sessions to superusers only.
        _, pid, application, connected = row
        return Holder("postgresql", pid, application or "", connected)


def key_of(name: str) -> int:
    """Return a number for a name that fits into a positive int4."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
