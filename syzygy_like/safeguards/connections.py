"""Connections to the database beside Django's, and what is said of one that fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error, connections


def connect(alias: str) -> None:
    """Raise CommandError if a database does not answer."""
    connection = connections[alias]
    try:
        connection.ensure_connection()
    except (Error, ImproperlyConfigured) as error:
        raise CommandError(unreachable(alias, error)) from error


def unreachable(alias: str, error: BaseException) -> str:
    """Say that a database does not answer."""
    return f"The database {alias!r} cannot be reached: {str(error).strip()}"


def own_connection(connection: Any) -> Any:
    """
    Return a connection like another one, not yet open, for one session of its own.

    It is in no transaction: one that stays open is waited for by whoever builds an
    index concurrently. Nor is it from a pool of the driver's, which the migrations may
    need to the last.
    """
    own = connection.copy()
    own.settings_dict["AUTOCOMMIT"] = True
    own.settings_dict.get("OPTIONS", {}).pop("pool", None)
    return own


def ask(connection: Any, sql: str, params: Sequence[Any] = ()) -> Any:
    """Return the first row of an answer, None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()
