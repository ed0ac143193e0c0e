"""Connections of the package's own, beside those of Django."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# What goes into a query, or comes out of it: Django has no type for either.
Row = tuple[Any, ...]


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


def own_connection(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """
    Return another connection with the same settings, not yet open.

    It uses autocommit: CREATE INDEX CONCURRENTLY waits for every open transaction. It
    is not from a pool of the driver's, whose last connection the migrations may need.
    """
    own = connection.copy()
    own.settings_dict["AUTOCOMMIT"] = True
    own.settings_dict.get("OPTIONS", {}).pop("pool", None)
    return own


def ask(connection: BaseDatabaseWrapper, sql: str, params: Row = ()) -> Row | None:
    """Return the first row of a query, None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: Row | None = cursor.fetchone()
    return row
