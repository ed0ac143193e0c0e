"""A named lock of MySQL's or MariaDB's."""

from __future__ import annotations

import hashlib

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.connections import ask
from syzygy_like.safeguards.locking.lock import Holder, ServerLock

# The server ends a session that is idle for this many seconds. Some servers set a
# minute, and a migration may well take longer; this is MySQL's own default.
# ("wait_timeout" in its manual.)
SETTINGS = "SET SESSION wait_timeout = GREATEST(@@SESSION.wait_timeout, 28800)"


class MySQLLock(ServerLock):
    """The lock of a database, by its name, at the server of ``keeper``."""

    release_sql = "SELECT RELEASE_LOCK(%s)"

    def __init__(self, keeper: BaseDatabaseWrapper, name: str):
        super().__init__(keeper, name)
        self.params = (lock_name(name),)

    def acquire(self) -> bool:
        if self.connection.connection is None:
            ask(self.connection, SETTINGS)
        return bool(self.ask_value("SELECT GET_LOCK(%s, 0)"))

    def is_held(self) -> bool:
        return bool(self.ask_value("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()"))

    def holder(self) -> Holder | None:
        (pid,) = self.ask("SELECT IS_USED_LOCK(%s)") or (None,)
        return None if pid is None else Holder("mysql", pid)


def lock_name(name: str) -> str:
    """
    Return the name of a database's lock, of at most 64 characters.

    The whole server shares one set of lock names, in which case makes no difference.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"syzygy_like.{name[:40]}.{digest[:8]}"
