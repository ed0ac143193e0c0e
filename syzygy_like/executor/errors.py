"""What can go wrong where a plan is carried out."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Sequence

from django.db.migrations import Migration

from syzygy_like.planning.database import Basis
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


@dataclasses.dataclass(eq=False)
class DeployUnderWayError(Exception):
    """
    A run asks for something that the deploy under way does not allow.

    ``key`` is a migration that the conflict is about, ``own`` one of this version's.
    ``until`` is when the deploy can be finished, if a delay holds it.
    """

    conflict: Conflict
    key: Key | None = None
    own: Key | None = None
    until: datetime.datetime | None = None


class Fault(enum.Enum):
    """What can be wrong with an entry of the record."""

    BASIS = enum.auto()
    CHANGED = enum.auto()
    RECORDED = enum.auto()


@dataclasses.dataclass(eq=False)
class InvalidEntryError(Exception):
    """
    The record does not fit the files, Django's history, or what is installed.

    A migration in it has changed since, or somebody else has applied it, or this
    machine computes other parts of it. In that case ``basis`` is what they were
    computed with.
    """

    key: Key
    fault: Fault
    basis: Basis | None = None


@dataclasses.dataclass(eq=False)
class LostRowsError(Exception):
    """
    A number of rows have no value for a field that is required and has no default.

    ``again`` tells whether the field was required before the deploy.
    """

    label: str
    field: str
    count: int
    again: bool


class ConcurrentRunError(Exception):
    """Another run has changed the record since this one has read it."""


@dataclasses.dataclass(eq=False)
class ChangedMigrationError(Exception):
    """The operations of a migration that are already done have changed in its file."""

    key: Key
    operations: int


@dataclasses.dataclass(eq=False)
class UnfinishedMigrationError(Exception):
    """
    An earlier run was cut off in a migration, and this run would not finish it.

    ``before`` is the name of what comes before it in its app, None if nobody knows.
    """

    key: Key
    backwards: bool
    before: str | None


@dataclasses.dataclass(eq=False)
class MigrationFailedError(Exception):
    """
    A migration could not be applied, or unapplied.

    ``is_whole`` tells whether nothing of it is left in the database.
    """

    migration: Migration
    error: BaseException
    is_whole: bool


@dataclasses.dataclass(eq=False)
class IrreversibleRunError(Exception):
    """A run that is to be rolled back if it fails has migrations that cannot be."""

    migrations: Sequence[Migration]
    backwards: bool = False


@dataclasses.dataclass(eq=False)
class RolledBackError(Exception):
    """
    A migration failed, and what the run had applied is unapplied, or some of it.

    ``undone`` are those that are, in this order. If there is an ``obstacle``, the first
    of the ``kept`` could not be unapplied because of it, and the others come before it.
    """

    failure: MigrationFailedError
    undone: Sequence[Migration]
    kept: Sequence[Migration] = ()
    obstacle: Exception | None = None
