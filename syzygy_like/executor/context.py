"""What a run is given: its options, and its hooks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db.migrations import Migration

from syzygy_like.safeguards.limits import NoRetries, RetryPolicy
from syzygy_like.stages import Stage

Plan = list[tuple[Migration, bool]]
# Apps, and the migration of each to migrate to; None is before the first one.
Targets = Sequence[tuple[str, str | None]] | set[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class RunContext:
    """
    What a run of migrate is asked for.

    ``bridge`` overrides MIGRATION_BRIDGE if it is not None. A run that ``is_looking``
    raises SomethingToDo instead of carrying out a plan. The other fields are options of
    the command: ``aborts`` is --abort-deploy, ``shows_plan`` --plan, ``checks``
    --check. It is ``targeted`` if an app is named.
    """

    stage: Stage
    aborts: bool = False
    accepts_loss: bool = False
    bridge: bool | None = None
    checks: bool = False
    fake_initial: bool = False
    fakes: bool = False
    is_looking: bool = False
    prunes: bool = False
    shows_plan: bool = False
    skips_blocked: bool = False
    targeted: bool = False
    verbosity: int = 1


class RunHooks:
    """
    What a run calls while it applies migrations. By default all of it does nothing.

    The methods that are called before something may raise, and it is not done then.
    """

    retry_policy: RetryPolicy = NoRetries()
    # Whether the run notes each operation, so that a later run can resume.
    keeps_journal = False
    # Whether it undoes what it has applied if a migration fails, even if some of that
    # cannot be undone.
    rolls_back = False
    accepts_irreversible = False

    def tell(self, event: object) -> None:
        """Say what happens."""

    def before_loss(self, names: Sequence[str]) -> None:
        """Called before a deploy is aborted that drops columns and tables."""

    def before_all(self, plan: Plan) -> None:
        """Called with a plan that has something to apply, before any of it is."""

    def before_each(self) -> None:
        """Called before each migration, or part of one."""

    def after_failure(self) -> None:
        """Called when a migration, or a part of one, has failed."""
