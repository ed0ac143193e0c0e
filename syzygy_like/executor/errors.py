"""Migrations that fail, and what becomes of the run that applies them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db.migrations import Migration


class MigrationFailedError(Exception):
    """
    A migration could not be applied, or unapplied.

    ``is_whole`` tells whether nothing of it is left in the database.
    """

    def __init__(self, migration: Migration, error: BaseException, is_whole: bool):
        super().__init__(migration, error, is_whole)
        self.migration = migration
        self.error = error
        self.is_whole = is_whole


class IrreversibleRunError(Exception):
    """A run that has to be taken back if it fails could not be."""

    def __init__(self, migrations: Sequence[Migration], backwards: bool = False):
        super().__init__(migrations, backwards)
        self.migrations = migrations
        self.backwards = backwards


class RolledBackError(Exception):
    """
    A migration failed, and what the run had applied is undone, or some of it.

    ``undone`` are those that are, in this order. If there is an ``obstacle``, the first
    of the ``kept`` could not be undone because of it, and the others come before that.
    """

    def __init__(
        self,
        failure: MigrationFailedError,
        undone: Sequence[Migration],
        kept: Sequence[Migration] = (),
        obstacle: Exception | None = None,
    ):
        super().__init__(failure, undone, kept, obstacle)
        self.failure = failure
        self.undone = undone
        self.kept = kept
        self.obstacle = obstacle


@dataclasses.dataclass(frozen=True)
class RollingBack:
    """What a run has applied is about to be undone."""

    migrations: tuple[Migration, ...]
