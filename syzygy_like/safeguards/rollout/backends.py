"""Who is connected to a PostgreSQL database, and the connection to ask on."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like import conf
from syzygy_like.safeguards.connections import Row, ask, own_connection
from syzygy_like.safeguards.poolers import is_pooled
from syzygy_like.safeguards.rollout import marks
from syzygy_like.safeguards.rollout.code_id import this_code
from syzygy_like.safeguards.rollout.marks import Mark

# A role sees the names of all sessions, but what they do only for roles that it belongs
# to, or for all as a member of pg_read_all_stats. The rest is null (PostgreSQL, "The
# Cumulative Statistics System", "pg_stat_activity").
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
# Statements that set a session up, or reset it for the next client (PgBouncer,
# "server_reset_query"): no client works in it yet, or any longer.
SET_UP = r"^\s*(select\s+set_config\(|set\s|reset\s|discard\s|deallocate\s)"


@dataclasses.dataclass(eq=False)
class RolloutError(Exception):
    """It is not known which code is connected. ``alias`` is the database."""

    alias: str


class UnsupportedError(RolloutError):
    """The database is not PostgreSQL."""


class NotMarkedError(RolloutError):
    """The connections of this process itself have no mark."""


@dataclasses.dataclass(eq=False)
class BehindPoolerError(RolloutError):
    """
    The database is behind a pooler, and there is no way around it.

    ``other`` is the alias that was tried in its place, or the same one.
    """

    other: str


@dataclasses.dataclass(frozen=True)
class Backend:
    """
    A session of the server.

    ``address`` is None where it is local. ``age`` is for how many seconds it has been
    connected; None if this role may only see its names. ``since`` is for how many
    seconds it has been in its ``state``; None if the server does not note that.
    ``has_worked`` tells whether its last query did more than set the session up.
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
        """The mark in its application name."""
        return marks.read(self.application)

    @property
    def name(self) -> str:
        """Its application name without the mark."""
        return marks.bare(self.application)

    @property
    def is_visible(self) -> bool:
        """Whether this role may see what it does."""
        return self.age is not None

    def rested(self) -> float:
        """Return for how many seconds it has been idle, 0 if that is not known."""
        if self.state != "idle" or self.since is None:
            return 0.0
        return self.since if self.has_worked else float("inf")


def backends(connection: BaseDatabaseWrapper) -> list[Backend]:
    """Return the sessions of a connection's database, its own included."""
    with connection.cursor() as cursor:
        cursor.execute(SQL, [SET_UP])
        return [
            Backend(pid, application or "", role or "", *rest)
            for pid, application, role, *rest in cursor.fetchall()
        ]


@contextlib.contextmanager
def observing(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """
    Yield a connection of its own to a database, to see its sessions as they are.

    It is in no transaction: there the server would show the same sessions each time
    (PostgreSQL, "The Cumulative Statistics System"). Raises UnsupportedError,
    NotMarkedError or BehindPoolerError.
    """
    if connections[alias].vendor != "postgresql":
        raise UnsupportedError(alias)
    if not conf.marks_connections():
        raise NotMarkedError(alias)
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(_opened(alias))
        if is_pooled(connection):
            connection = stack.enter_context(_around(alias, _identity(connection)))
        (own,) = (each for each in backends(connection) if each.is_own)
        if own.mark is None or own.mark.code != this_code():
            raise NotMarkedError(alias)
        yield connection


@contextlib.contextmanager
def _around(alias: str, identity: Row | None) -> Iterator[BaseDatabaseWrapper]:
    """
    Yield a connection to the same database that goes around its pooler.

    A pooler may give us the very session that the old version has used a moment before.
    That session then has our name, and the old version is not seen.
    """
    other = conf.lock_alias(alias)
    if other == alias or connections[other].vendor != "postgresql":
        raise BehindPoolerError(alias, other)
    with _opened(other) as connection:
        if is_pooled(connection) or _identity(connection) != identity:
            raise BehindPoolerError(alias, other)
        yield connection


def _opened(alias: str) -> contextlib.closing[BaseDatabaseWrapper]:
    return contextlib.closing(own_connection(connections[alias]))


def _identity(connection: BaseDatabaseWrapper) -> Row | None:
    """Return what identifies a database of a server."""
    return ask(connection, "SELECT current_database(), pg_postmaster_start_time()")
