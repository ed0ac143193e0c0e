"""Who holds the lock that a statement waits for, and a thread that finds that out."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from syzygy_like.safeguards.connections import own_connection

# As much of a statement as is shown.
LENGTH = 100
# How often to look at most, in seconds: PostgreSQL searches all locks each time.
INTERVAL = 1.0

# PostgreSQL, "Session Information Functions" and "The Cumulative Statistics System". A
# prepared transaction has the number 0. Sessions that only wait in the queue ahead of
# ours are among them, and come last. Behind a pooler our number is not known: our
# session is the one that waits with our statement.
WAITING = "SELECT DISTINCT unnest(pg_blocking_pids(%s)) AS pid"
POOLED = """
SELECT DISTINCT unnest(pg_blocking_pids(pid)) AS pid FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
AND left(query, 500) = left(%s::text, 500)
"""
ACTIVITY = """
SELECT pid, application_name, usename, state,
EXTRACT(EPOCH FROM clock_timestamp() - xact_start), query,
wait_event_type IS NOT DISTINCT FROM 'Lock' AS waits
FROM ({}) AS blocking LEFT JOIN pg_stat_activity USING (pid)
ORDER BY waits, xact_start NULLS LAST
"""

# MySQL, "The sys Schema". MariaDB has it too, but the first is empty there unless the
# Performance Schema is on.
EXACT = (
    "SELECT DISTINCT blocking_pid FROM sys.schema_table_lock_waits"
    " WHERE waiting_pid = %s AND blocking_pid <> waiting_pid",
    "SELECT DISTINCT blocking_pid FROM sys.innodb_lock_waits WHERE waiting_pid = %s",
)
# Any transaction that is open in this database may have used the table.
OPEN = """
SELECT trx_mysql_thread_id FROM information_schema.innodb_trx
JOIN information_schema.processlist ON id = trx_mysql_thread_id
WHERE trx_mysql_thread_id <> %s AND db = DATABASE() ORDER BY trx_started LIMIT 3
"""
PROCESSES = """
SELECT id, user, command, TIMESTAMPDIFF(SECOND, trx_started, NOW()), info
FROM information_schema.processlist
LEFT JOIN information_schema.innodb_trx ON trx_mysql_thread_id = id
WHERE id IN %s ORDER BY trx_started
"""


@dataclasses.dataclass(frozen=True)
class Blocker:
    """
    A session that holds a lock, or waits for it ahead of ours.

    ``age`` is for how many seconds its transaction has been open, None if that is not
    known; ``query`` is the beginning of its current or last statement. ``is_certain``
    is false where the session only probably holds the lock. ``waits`` tells whether it
    waits for a lock itself, as far as is known.
    """

    pid: int
    application: str = ""
    user: str = ""
    state: str = ""
    age: float | None = None
    query: str = ""
    is_certain: bool = True
    waits: bool = False


def blockers(
    connection: BaseDatabaseWrapper, session: int | None, statement: str
) -> tuple[Blocker, ...]:
    """
    Return the sessions that block a session; ``connection`` is not its own.

    Those that wait themselves come last; of the others the oldest transaction is first.
    If the number of the session is not known, it is found by its statement.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return tuple(_activity(cursor, session, statement))
        return tuple(_processes(cursor, session))


def _activity(
    cursor: CursorWrapper, session: int | None, statement: str
) -> Iterable[Blocker]:
    if session is None:
        cursor.execute(ACTIVITY.format(POOLED), [statement])
    else:
        cursor.execute(ACTIVITY.format(WAITING), [session])
    for pid, application, user, state, age, query, waits in cursor.fetchall():
        yield Blocker(
            pid,
            application or "",
            user or "",
            state or "",
            None if age is None else float(age),
            shortened(query),
            waits=waits,
        )


def _processes(cursor: CursorWrapper, session: int | None) -> Iterable[Blocker]:
    found = [pid for sql in EXACT for pid in _asked(cursor, sql, session)]
    is_certain = bool(found)
    found = found or _asked(cursor, OPEN, session)
    if not found:
        return
    cursor.execute(PROCESSES, [tuple(found)])
    for pid, user, state, age, query in cursor.fetchall():
        yield Blocker(pid, "", user, state, age, shortened(query), is_certain)


def _asked(cursor: CursorWrapper, sql: str, session: int | None) -> list[int]:
    """Return numbers of sessions, none if this user may not ask."""
    try:
        cursor.execute(sql, [session])
    except Error:
        return []
    return [pid for (pid,) in cursor.fetchall()]


def shortened(sql: str | None) -> str:
    """Return the beginning of a statement, on one line."""
    text = " ".join((sql or "").split())
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 3]}..."


@dataclasses.dataclass
class Running:
    """
    A statement that has run since a time of the monotonic clock.

    ``may_take`` is how many seconds it may take, None if there is no limit; ``seconds``
    is how many it took, once it has ended.
    """

    statement: str = ""
    since: float = 0.0
    may_take: float | None = None
    seconds: float = 0.0
    blockers: tuple[Blocker, ...] = ()


class BlockerWatch(threading.Thread):
    """
    Looks regularly which sessions block a statement, first at half of its limit.

    It has a connection of its own, which it does not open before a statement takes
    that long. Its errors do not matter to the migration.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        session: Callable[[], int | None],
        running: Callable[[], Running | None],
        limit: float,
    ):
        super().__init__(name="syzygy_like.safeguards.timeouts", daemon=True)
        self.connection = connection
        self.session = session
        self.running = running
        self.interval = min(limit / 2, INTERVAL)
        self.over = threading.Event()

    def run(self) -> None:
        # A connection belongs to the thread that makes it.
        connection = own_connection(self.connection)
        try:
            while not self.over.wait(self.interval):
                if running := self.running():
                    self._look(connection, running)
        finally:
            with contextlib.suppress(Exception):
                connection.close()

    def _look(self, connection: BaseDatabaseWrapper, running: Running) -> None:
        try:
            found = blockers(connection, self.session(), running.statement)
        except Exception:  # the connection may be broken; the next look opens another
            with contextlib.suppress(Exception):
                connection.close()
        else:
            running.blockers = found or running.blockers


@contextlib.contextmanager
def watching(watch: BlockerWatch) -> Iterator[None]:
    """Let a thread look for blockers meanwhile."""
    watch.start()
    try:
        yield
    finally:
        watch.over.set()
        watch.join()
