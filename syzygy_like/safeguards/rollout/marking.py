"""Connections that say which code they belong to."""

from __future__ import annotations

import os
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from syzygy_like.safeguards.rollout import marks
from syzygy_like.safeguards.rollout.code_id import this_code
from syzygy_like.safeguards.rollout.marks import Mark, Way

NAME = "application_name"
# Behind a pooler the pid that the driver was told is none of the server's.
SQL = (
    "SELECT set_config('application_name', "
    "CASE WHEN pg_backend_pid() = %s THEN %s ELSE %s END, false)"
)
# A name for a moment, which is no mark.
BLANK = "[syzygy]"
UID = "syzygy_like.safeguards.rollout"


def mark_connections() -> None:
    """
    Mark the connections of this process from now on; to be called when it starts.

    The id is worked out now: a process that lives on while its files are replaced, and
    connects after that, must not pass for the new code.
    """
    this_code()
    connection_created.connect(mark, dispatch_uid=UID)
    for alias in connections:
        if connections.settings[alias]["OPTIONS"].get("pool"):
            mark_pool(connections[alias])


def mark(connection: Any, **kwargs: Any) -> None:
    """Mark a connection that was made, or that the driver's pool has given."""
    if connection.vendor != "postgresql":
        return
    pool = mark_pool(connection)
    session = connection.connection
    name = session.info.parameter_status(NAME) or ""
    found = marks.read(name)
    is_known = found and found.code == this_code() and found.way is not Way.UNKNOWN
    if pool is not None and is_known:
        return
    direct, pooled = (
        Mark(this_code(), way).on(name) for way in (Way.DIRECT, Way.POOLED)
    )
    # The driver's cursor, as Django has it for what belongs to connecting: it is none
    # of the queries that a project counts.
    with session.cursor() as cursor:
        pid = session.info.backend_pid
        cursor.execute(SQL, [pid, direct, pooled])
        if session.info.parameter_status(NAME) not in (direct, pooled):
            # PgBouncer keeps the name of each client by what the server reports. Where
            # the last client has left the same name in the session, it reports nothing
            # (PostgreSQL, "Asynchronous Operations"), and this one would have none.
            cursor.execute(SQL, [pid, BLANK, BLANK])
            cursor.execute(SQL, [pid, direct, pooled])
    if not connection.get_autocommit():
        session.commit()  # or it would be undone with the first transaction


def mark_pool(connection: Any) -> Any:
    """
    Let the driver's pool mark what it opens by itself, ahead of use; return the pool.

    Django tells of a connection only when it takes it out of the pool. Returns None if
    the connection has no pool.
    """
    pool = getattr(connection, "pool", None)
    if pool is not None:
        name = pool.kwargs.get(NAME) or os.environ.get("PGAPPNAME", "")
        pool.kwargs[NAME] = Mark(this_code(), Way.UNKNOWN).on(name)
    return pool
