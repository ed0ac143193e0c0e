"""Who is connected to a PostgreSQL database."""

from __future__ import annotations

import dataclasses
from typing import Any

from syzygy_like.safeguards.rollout import marks
from syzygy_like.safeguards.rollout.marks import Mark

# A role sees who others are and what they call themselves, and of what they do only
# what roles do that it belongs to, or all as a member of pg_read_all_stats: the rest is
# null (PostgreSQL, "The Cumulative Statistics System", "pg_stat_activity").
SQL = """
SELECT pid, application_name, usename, host(client_addr), state,
       extract(epoch FROM clock_timestamp() - backend_start)::float8,
       extract(epoch FROM clock_timestamp() - state_change)::float8,
       query_start IS NOT NULL AND query !~* %s,
       pid = pg_backend_pid()
FROM pg_stat_activity
WHERE datname = current_database()
  AND coalesce(backend_type, 'client backend') = 'client backend'
ORDER BY pid
"""
# What sets a session up, or clears it for the next client (PgBouncer,
# "server_reset_query"): nobody is at work there yet, or any longer.
SET_UP = r"^\s*(select\s+set_config\(|set\s|reset\s|discard\s|deallocate\s)"


@dataclasses.dataclass(frozen=True)
class Backend:
    """
    A session of the server.

    ``address`` is None where it is local. ``age`` is how long it has been connected, in
    seconds, None if that may not be seen, nor anything but who it is. ``since`` is how
    long it has been in its ``state``; None if the server does not note that.
    ``has_worked`` tells whether its last query was more than to set the session up.
    """

    pid: int
    application: str
    role: str
    address: str | None
    state: str | None
    age: float | None
    since: float | None
    has_worked: bool
    is_own: bool

    @property
    def mark(self) -> Mark | None:
        """What its application name says of its code."""
        return marks.read(self.application)

    @property
    def name(self) -> str:
        """Its application name without the mark."""
        return marks.bare(self.application)

    @property
    def is_visible(self) -> bool:
        """Whether it may be seen what it does."""
        return self.age is not None

    def rested(self) -> float:
        """Return for how many seconds it has done nothing, 0 if that is not known."""
        if self.state != "idle" or self.since is None:
            return 0.0
        return self.since if self.has_worked else float("inf")


def backends(connection: Any) -> list[Backend]:
    """Return the sessions of a connection's database, its own one as well."""
    with connection.cursor() as cursor:
        cursor.execute(SQL, [SET_UP])
        return [
            Backend(pid, application or "", role or "", *rest)
            for pid, application, role, *rest in cursor.fetchall()
        ]
