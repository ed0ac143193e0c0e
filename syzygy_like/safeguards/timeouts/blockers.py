"""Who holds a lock that a statement waits for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from django.db import Error

# As much of a statement as is shown.
LENGTH = 100

# PostgreSQL, "Session Information Functions" and "The Cumulative Statistics System". A
# prepared transaction is number 0. Who only waits in the queue ahead of us is among
# them, and comes last. Behind a pooler nobody knows our number: there it is the session
# that waits with our statement.
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

# MySQL, "The sys Schema". MariaDB has it too, and the first is empty there unless the
# Performance Schema is on.
EXACT = (
    "SELECT DISTINCT blocking_pid FROM sys.schema_table_lock_waits"
    " WHERE waiting_pid = %s AND blocking_pid <> waiting_pid",
    "SELECT DISTINCT blocking_pid FROM sys.innodb_lock_waits WHERE waiting_pid = %s",
)
# Whatever transaction is open in this database may have used the table.
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
    A session that holds a lock, or waits for it first, as the server knows it.

    ``age`` is how many seconds its transaction is open, None if that is not known;
    ``query`` the beginning of what it executes, or has executed last. ``is_certain``
    is not so where it is only likely that it holds the lock. ``waits`` tells whether
    it waits for a lock itself, as far as is known.
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
    connection: Any, session: int | None, statement: str
) -> tuple[Blocker, ...]:
    """
    Return who keeps a session from going on; ask on another connection than its own.

    Those that wait themselves come last; of the others the oldest transaction is first.
    Without the number of the session it is found by its statement.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return tuple(_activity(cursor, session, statement))
        return tuple(_processes(cursor, session))


def _activity(cursor: Any, session: int | None, statement: str) -> Iterable[Blocker]:
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


def _processes(cursor: Any, session: int | None) -> Iterable[Blocker]:
    found = [pid for sql in EXACT for pid in _asked(cursor, sql, session)]
    is_certain = bool(found)
    found = found or _asked(cursor, OPEN, session)
    if not found:
        return
    cursor.execute(PROCESSES, [tuple(found)])
    for pid, user, state, age, query in cursor.fetchall():
        yield Blocker(pid, "", user, state, age, shortened(query), is_certain)


def _asked(cursor: Any, sql: str, session: int | None) -> list[int]:
    """Return numbers of sessions, none where we may not ask."""
    try:
        cursor.execute(sql, [session])
    except Error:
        return []
    return [pid for (pid,) in cursor.fetchall()]


def shortened(sql: str | None) -> str:
    """Return the beginning of a statement, in one line."""
    text = " ".join((sql or "").split())
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 3]}..."
