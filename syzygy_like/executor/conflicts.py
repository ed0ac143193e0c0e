"""What is in the way of a deploy, or of anything else while one is under way."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from typing import Any

from syzygy_like.planning.history import Key


class Conflict(enum.Enum):
    """What cannot be done while a deploy is under way, or by it."""

    FAKE = enum.auto()
    FINISHING = enum.auto()
    FOREIGN = enum.auto()
    INCOMPLETE = enum.auto()
    JOINING = enum.auto()
    NEWER = enum.auto()
    NOTHING = enum.auto()
    SQUASHED = enum.auto()
    TARGETS = enum.auto()


class DeployUnderWayError(Exception):
    """
    What is asked for cannot be done in a deploy that is under way.

    ``key`` is a migration that the conflict is about, ``own`` one of this version's.
    ``until`` is when the deploy can be finished, if that is held.
    """

    def __init__(
        self,
        conflict: Conflict,
        key: Key | None = None,
        own: Key | None = None,
        until: datetime.datetime | None = None,
    ):
        super().__init__(conflict, key, own, until)
        self.conflict = conflict
        self.key = key
        self.own = own
        self.until = until


class Fault(enum.Enum):
    """What can be wrong with an entry of the record."""

    BASIS = enum.auto()
    CHANGED = enum.auto()
    RECORDED = enum.auto()


class InvalidEntryError(Exception):
    """
    The record does not fit the files, or Django's history, or what is installed.

    It has a migration that has changed since, or one that somebody else has applied, or
    one of which something else is computed here, where the ``basis`` was another.
    """

    def __init__(self, key: Key, fault: Fault, basis: Mapping[str, Any] | None = None):
        super().__init__(key, fault, basis)
        self.key = key
        self.fault = fault
        self.basis = basis
