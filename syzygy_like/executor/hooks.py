"""What looks after a run while it applies migrations."""

from __future__ import annotations

from typing import Any

from django.db.migrations import Migration

from syzygy_like.safeguards.limits import NoRetries, RetryPolicy

Plan = list[tuple[Migration, bool]]


class RunHooks:
    """
    Looks after a run.

    ``before_all`` is called with a plan that has something to apply, before any of it
    is; ``before_each`` before each migration, or part of one. Both may raise.
    """

    retry_policy: RetryPolicy = NoRetries()
    # Whether the run notes what it is at where a crash would leave half a migration.
    keeps_journal = False
    # Whether it undoes what it has applied if a migration fails, even if some of that
    # cannot be undone.
    rolls_back = False
    accepts_irreversible = False

    # Whether Django has written "Applying shop.0002_name..." and no newline.
    is_mid_line = False

    def tell(self, event: Any) -> None:
        """Say what happens."""

    def before_all(self, plan: Plan) -> None:
        """Do what precedes the whole."""

    def before_each(self) -> None:
        """Do what precedes each step."""
