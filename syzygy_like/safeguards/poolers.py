"""Poolers, which share the sessions of PostgreSQL between connections."""

from __future__ import annotations

import contextlib

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.connections import ask, own_connection

# Which connection is asked in turn: the first (0) or the other (1). Each comes twice in
# a row, too: a pooler that goes round its sessions would otherwise give each connection
# the same one each time.
TURNS = (0, 0, 1, 0, 0, 1, 1, 0)


def is_pooled(
    connection: BaseDatabaseWrapper, other: BaseDatabaseWrapper | None = None
) -> bool:
    """
    Return whether a connection's statements may go to sessions that others use, too.

    ``other`` is another connection with the same settings; without it one is opened
    meanwhile. Neither may be in a transaction.

    When a connection begins, the server tells the driver the number of its process. If
    another process answers the query, there is a proxy between. A pooler that pools
    sessions gives each connection its own session until it ends; any other gives it
    one for each transaction.
    """
    if _is_direct(connection):
        return False
    with contextlib.ExitStack() as stack:
        if other is None:
            other = stack.enter_context(contextlib.closing(own_connection(connection)))
        answers: tuple[set[int], set[int]] = (set(), set())
        for turn in TURNS:
            answers[turn].add(_pid((connection, other)[turn]))
    mine, others = answers
    return len(mine) > 1 or len(others) > 1 or mine == others


def _is_direct(connection: BaseDatabaseWrapper) -> bool:
    connection.ensure_connection()
    told: int = connection.connection.info.backend_pid
    return told == _pid(connection)


def _pid(connection: BaseDatabaseWrapper) -> int:
    (pid,) = ask(connection, "SELECT pg_backend_pid()") or (0,)
    return int(pid)
