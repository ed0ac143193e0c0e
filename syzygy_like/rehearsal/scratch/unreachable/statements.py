"""Statements that leave a scratch database, refused before they run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

from django.db import DatabaseError
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

from syzygy_like.rehearsal.scratch.creation import Maker
from syzygy_like.rehearsal.scratch.unreachable.base import Settings
from syzygy_like.rehearsal.scratch.unreachable.files import authorize
from syzygy_like.rehearsal.scratch.unreachable.reading import outside
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    OutsideError,
    note_refusal,
)

Result = TypeVar("Result")


class StatementFilter:
    """
    Refuses statements that lead outside of a scratch database, before they run.

    What the server denies to the user who was made for the database is refused, too.
    That such a user may change its own database only is known on PostgreSQL, so it may
    compute the name.
    """

    def __init__(self, maker: Maker, name: str):
        """Raise OutsideError if OPTIONS lead outside with each connection."""
        self.maker = maker
        self.name = name
        self.vendor = maker.vendor
        is_known = maker.account and self.vendor == "postgresql"
        self.named = "" if is_known else name
        self.others = maker.others(name)
        first = maker.settings["OPTIONS"].get("init_command")
        if first and (found := self._outside(str(first))):
            raise OutsideError(found, str(first))

    def __call__(
        self,
        execute: Callable[..., Result],
        sql: str,
        params: object,
        many: bool,
        context: Settings,
    ) -> Result | None:
        """Run a statement, as a wrapper around Django's cursors, or refuse to."""
        text = _text(sql, context["connection"])
        if found := self._outside(text):
            raise note_refusal(OutsideError(found, text))
        if self.maker.carry_out(text, self.name):
            return None
        try:
            return execute(sql, params, many, context)
        except DatabaseError as error:
            account = self.maker.account
            if account and account.denies(error):
                raise note_refusal(OutsideError(str(error.args[-1]), text)) from error
            raise

    def _outside(self, text: str) -> str:
        return outside(text, self.vendor, self.named, self.others)


def add_filter(
    filters: Mapping[str, StatementFilter], connection: BaseDatabaseWrapper
) -> None:
    """Filter the statements of a connection to a scratch database."""
    filter_ = filters.get(str(connection.settings_dict["NAME"]))
    if filter_ is None or connection.alias == NO_DB_ALIAS:
        return
    if filter_ not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, filter_)
    if isinstance(connection.connection, sqlite3.Connection):
        connection.connection.set_authorizer(authorize)


def _text(sql: object, connection: BaseDatabaseWrapper) -> str:
    if isinstance(sql, bytes):
        return sql.decode(errors="replace")
    if hasattr(sql, "as_string"):  # of psycopg, composed
        return str(sql.as_string(connection.connection))
    return str(sql)
