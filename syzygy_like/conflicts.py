"""What is in the way of a deploy, or of anything else while one is under way."""

from __future__ import annotations

import enum

from syzygy_like.history import Key


class Conflict(enum.Enum):
    """What cannot be done while a deploy is under way, or by it."""

    FAKE = enum.auto()
    FINISHING = enum.auto()
    INCOMPLETE = enum.auto()
    NEXT = enum.auto()
    NOTHING = enum.auto()
    SQUASHED = enum.auto()
    TARGETS = enum.auto()


class DeployUnderWayError(Exception):
    """What is asked for cannot be done in a deploy that is under way."""

    def __init__(self, conflict: Conflict, key: Key | None = None):
        super().__init__(conflict, key)
        self.conflict = conflict
        self.key = key


class Fault(enum.Enum):
    """What can be wrong with an entry of the ledger."""

    CHANGED = enum.auto()
    RECORDED = enum.auto()
    UNKNOWN = enum.auto()


class InvalidEntryError(Exception):
    """
    The ledger does not fit the files, or Django's history.

    It has a migration that there is no file of, or one that has changed since, or one
    that somebody else has applied.
    """

    def __init__(self, key: Key, fault: Fault):
        super().__init__(key, fault)
        self.key = key
        self.fault = fault
