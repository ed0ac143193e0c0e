"""What makes, copies and drops scratch databases."""

from __future__ import annotations

import abc
import copy
import secrets
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.rehearsal.scratch.accounts import Account

MAX_NAME = 63  # bytes: PostgreSQL's limit; MySQL's is 64 characters


class Maker(abc.ABC):
    """
    Makes databases on the server of an alias, with its engine.

    All of its methods raise what the backend raises. ``account`` is the user whose
    databases they are, None if it is that of the settings.
    """

    account: Account | None = None

    def __init__(self, connection: BaseDatabaseWrapper):
        self._connection = connection.copy()
        self.vendor: str = connection.vendor
        self.settings: dict[str, Any] = self._connection.settings_dict
        # A pool belongs to an alias: it is connected to the real database.
        self.settings["OPTIONS"].pop("pool", None)

    def settings_for(self, name: str) -> dict[str, Any]:
        """Return settings to connect to one of the databases made here."""
        return {**copy.deepcopy(self.settings), "NAME": name}

    def free_name(self) -> str:
        """Return the name of a database that is still to be made."""
        suffix = f"_rehearsal_{secrets.token_hex(4)}"
        stem = f"test_{self._stem()}".encode()[: MAX_NAME - len(suffix)]
        return stem.decode(errors="ignore") + suffix

    def _stem(self) -> str:
        return str(self.settings["NAME"] or self._connection.alias)

    @abc.abstractmethod
    def create(self, name: str) -> None:
        """Make an empty database."""

    @abc.abstractmethod
    def copy(self, source: str, name: str) -> None:
        """Make a copy of one that nobody is connected to."""

    @abc.abstractmethod
    def drop(self, name: str) -> None:
        """Drop a database if it is there, whoever is connected to it."""

    @abc.abstractmethod
    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        """Ask the server whether a connection is to that database."""

    def make(self, name: str) -> None:
        """Make an empty database, of a user with no other rights if there can be."""
        self.create(name)

    def dismiss(self) -> None:  # noqa: B027 - many make none
        """Drop the user that was made, if any."""

    def others(self, name: str) -> frozenset[str]:
        """Return the names of the server's other databases that SQL could name."""
        return frozenset()

    def carry_out(self, sql: str, name: str) -> bool:
        """Run a statement that the user made here may not; tell whether it is one."""
        return False
