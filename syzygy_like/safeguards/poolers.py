"""Poolers, which give the sessions of PostgreSQL to several connections in turn."""

from __future__ import annotations

import contextlib
from typing import Any

from syzygy_like.safeguards.connections import ask, own_connection

# Who is asked in turn: the connection (0) or another one (1). Both come twice in a row,
# too, lest a pooler that goes round its sessions gives each the same one each time.
TURNS = (0, 0, 1, 0, 0, 1, 1, 0)


def is_pooled(connection: Any, other: Any = None) -> bool:
    """
    Tell whether statements of a connection may go to sessions that others use, too.

    ``other`` is another one with the same settings, in no transaction; without it, one
    is opened for the time of the question. Neither may be in a transaction.

    A server tells the driver the number of its process when the connection begins.
    Where that is another than the one that answers, there is a proxy between. A pooler
    of sessions gives each connection its own session until it ends; any other gives it
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


def _is_direct(connection: Any) -> bool:
    connection.ensure_connection()
    told: int = connection.connection.info.backend_pid
    return told == _pid(connection)


def _pid(connection: Any) -> int:
    (pid,) = ask(connection, "SELECT pg_backend_pid()")
    return int(pid)
