"""
The mark on a connection that says which code it belongs to.

It is part of PostgreSQL's ``application_name``, of at most 63 printable ASCII
characters ("Error Reporting and Logging"): the name that the connection has anyway,
cut, and the mark.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import re

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from syzygy_like.safeguards.rollout.code_id import this_code

LENGTH = 63
PATTERN = re.compile(r" ?\[syzygy([ ~:])([0-9a-f]{8})\]")
NAME = "application_name"
# Behind a pooler the driver's pid is not one of the server's.
SQL = (
    "SELECT set_config('application_name', "
    "CASE WHEN pg_backend_pid() = %s THEN %s ELSE %s END, false)"
)
# A name for a moment, without a mark.
BLANK = "[syzygy]"
UID = "syzygy_like.safeguards.rollout"


class Way(enum.Enum):
    """How a connection goes to the server; the value is part of the mark."""

    DIRECT = " "
    POOLED = "~"
    # A pool of the driver's has opened it, and nothing has used it yet.
    UNKNOWN = ":"


@dataclasses.dataclass(frozen=True)
class Mark:
    """Which code a connection belongs to, by its id, and how it goes to the server."""

    code: str
    way: Way

    def on(self, name: str) -> str:
        """Return an application name with this mark, whatever mark it had."""
        mark = f"[syzygy{self.way.value}{self.code}]"
        known = bare(name)[: LENGTH - len(mark) - 1]
        printable = "".join(each if " " <= each <= "~" else "?" for each in known)
        return f"{printable} {mark}".lstrip()


def read(name: str) -> Mark | None:
    """Return the mark on an application name, None if it has none."""
    found = PATTERN.search(name)
    return Mark(found[2], Way(found[1])) if found else None


def bare(name: str) -> str:
    """Return an application name without a mark."""
    return PATTERN.sub("", name)


def mark_connections() -> None:
    """
    Mark the connections of this process from now on; call it when the process starts.

    The id is computed now: if files are replaced while a process runs, its later
    connections must not count as the new version.
    """
    this_code()
    connection_created.connect(mark, dispatch_uid=UID)
    for alias in connections:
        if connections.settings[alias]["OPTIONS"].get("pool"):
            mark_pool(connections[alias])


def mark(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    """Mark a connection that is new, or comes from the driver's pool."""
    if connection.vendor != "postgresql":
        return
    pool = mark_pool(connection)
    session = connection.connection
    name = session.info.parameter_status(NAME) or ""
    found = read(name)
    is_known = found and found.code == this_code() and found.way is not Way.UNKNOWN
    if pool is not None and is_known:
        return
    direct, pooled = (
        Mark(this_code(), way).on(name) for way in (Way.DIRECT, Way.POOLED)
    )
    # The driver's cursor, as Django uses it to set up a connection: a project that
    # counts its queries does not count this one.
    with session.cursor() as cursor:
        pid = session.info.backend_pid
        cursor.execute(SQL, [pid, direct, pooled])
        if session.info.parameter_status(NAME) not in (direct, pooled):
            # PgBouncer learns the name of each client from what the server reports. If
            # the last client has left the same name in the session, the server reports
            # nothing (PostgreSQL, "Asynchronous Operations"), and PgBouncer would know
            # no name for this one.
            cursor.execute(SQL, [pid, BLANK, BLANK])
            cursor.execute(SQL, [pid, direct, pooled])
    if not connection.get_autocommit():
        session.commit()  # otherwise the first transaction could undo it


def mark_pool(connection: BaseDatabaseWrapper) -> object:
    """
    Let the driver's pool mark the connections that it opens itself; return the pool.

    Django sends its signal only when it takes a connection out of the pool. Return None
    if the connection has no pool.
    """
    pool = getattr(connection, "pool", None)
    if pool is not None:
        name = pool.kwargs.get(NAME) or os.environ.get("PGAPPNAME", "")
        pool.kwargs[NAME] = Mark(this_code(), Way.UNKNOWN).on(name)
    return pool
