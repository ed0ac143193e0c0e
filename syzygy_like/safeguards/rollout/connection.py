"""A connection that sees the sessions of a database as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connections

from syzygy_like import conf
from syzygy_like.safeguards.connections import ask, own_connection
from syzygy_like.safeguards.poolers import is_pooled
from syzygy_like.safeguards.rollout.backends import backends
from syzygy_like.safeguards.rollout.code_id import this_code


class RolloutError(Exception):
    """It cannot be told which code is connected. ``alias`` is the database."""

    def __init__(self, alias: str):
        super().__init__(alias)
        self.alias = alias


class UnsupportedError(RolloutError):
    """The database is none of PostgreSQL's."""


class NotMarkedError(RolloutError):
    """The connections of this very process say nothing of its code."""


class BehindPoolerError(RolloutError):
    """
    The database is behind a pooler, and there is no way around it.

    ``other`` is the alias that was tried in its place, or the same one.
    """

    def __init__(self, alias: str, other: str):
        super().__init__(alias)
        self.other = other


@contextlib.contextmanager
def looking(alias: str) -> Iterator[Any]:
    """
    Yield a connection of its own to a database.

    It is in no transaction, in which the server would show the same sessions again and
    again (PostgreSQL, "The Cumulative Statistics System"). Raises UnsupportedError,
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
def _around(alias: str, identity: Any) -> Iterator[Any]:
    """
    Yield a connection to the same database that goes around its pooler.

    Who looks through one that gives sessions to several connections in turn may be
    given, each time, the very session that old code has used a moment before, which
    then has the name of who looks.
    """
    other = conf.lock_alias(alias)
    if other == alias or connections[other].vendor != "postgresql":
        raise BehindPoolerError(alias, other)
    with _opened(other) as connection:
        if is_pooled(connection) or _identity(connection) != identity:
            raise BehindPoolerError(alias, other)
        yield connection


def _opened(alias: str) -> contextlib.AbstractContextManager[Any]:
    return contextlib.closing(own_connection(connections[alias]))


def _identity(connection: Any) -> Any:
    """Return what tells a database of a server from all others."""
    return ask(connection, "SELECT current_database(), pg_postmaster_start_time()")
