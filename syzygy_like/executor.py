"""The executor of a staged migrate: Django's, with a plan cut to a stage."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Protocol

from django.db.migrations import Migration
from django.db.migrations.exceptions import (
    InvalidMigrationPlan,
    IrreversibleError,
)
from django.db.migrations.executor import MigrationExecutor

from syzygy_like import policies
from syzygy_like.delays import held_migrations
from syzygy_like.explain import Explanation
from syzygy_like.history import Database, History, Key
from syzygy_like.placements import Placement, StagedPlan
from syzygy_like.planner import plan_post_deploy, plan_pre_deploy
from syzygy_like.stages import Stage

Plan = list[tuple[Migration, bool]]


class MigrationFailedError(Exception):
    """
    A migration could not be applied, or unapplied.

    ``is_whole`` tells whether nothing of it is left in the database.
    """

    def __init__(self, migration: Migration, error: Exception, is_whole: bool):
        super().__init__(migration, error, is_whole)
        self.migration = migration
        self.error = error
        self.is_whole = is_whole


class Staging(Protocol):
    """
    What is asked of a staged migrate, and what came of it.

    ``accept`` decides on the plan before anything is applied: it returns what to go
    on with, or raises. ``present`` returns what Django is given for a placement.
    """

    stage: Stage
    plan: StagedPlan
    fake_initial: bool

    def accept(self) -> Iterable[Placement]: ...

    def present(self, placement: Placement) -> Any: ...


def _is_backwards(plan: Plan) -> bool:
    """Tell whether a plan goes backwards; raise InvalidMigrationPlan if both ways."""
    directions = {backwards for _, backwards in plan}
    if len(directions) > 1:
        raise InvalidMigrationPlan("A plan goes either forwards or backwards.", plan)
    return directions == {True}


class StagedExecutor(MigrationExecutor):
    """Applies the migrations of a stage."""

    def __init__(
        self, connection: Any, progress_callback: Any = None, *, staging: Staging
    ):
        super().__init__(connection, progress_callback)
        self.staging = staging
        self._planning = False

    def migration_plan(self, targets: Any, clean_start: bool = False) -> Plan:
        """Return the part of Django's plan for the targets that runs in the stage."""
        if clean_start or self._planning:
            return super().migration_plan(targets, clean_start)
        self._planning = True  # Django's method may call itself
        try:
            plan = super().migration_plan(targets)
        finally:
            self._planning = False
        self.staging.plan = self._staged(plan)
        return [
            (self.staging.present(each), each.step.backwards)
            for each in self.staging.accept()
        ]

    def _staged(self, plan: Plan) -> StagedPlan:
        if not plan:
            return StagedPlan()
        backwards = _is_backwards(plan)
        history = self.history
        migrations = [migration for migration, _ in plan]
        there = [] if backwards else self._already_there(migrations)
        tracker = history.at([*history.applied, *there])
        start = tracker.world
        if backwards:
            steps = history.backwards(migrations)
        else:
            steps = history.forwards(tracker, migrations, there)
        parents = self._edges(migrations, backwards)
        policy = policies.current()
        if self.staging.stage is Stage.PRE_DEPLOY:
            return plan_pre_deploy(steps, start, parents, policy)
        held = {} if backwards else held_migrations(self.loader, migrations)
        return plan_post_deploy(steps, start, parents, policy, held)

    def _already_there(self, migrations: Collection[Migration]) -> list[Key]:
        """Return the migrations that --fake-initial would find applied."""
        if not self.staging.fake_initial:
            return []
        return [
            (each.app_label, each.name)
            for each in migrations
            if self.detect_soft_applied(None, each)[0]
        ]

    @property
    def history(self) -> History:
        """The history of the database, as the loader has it."""
        return History(self.loader, Database(self.connection.alias))

    def _edges(
        self, migrations: Collection[Migration], backwards: bool
    ) -> dict[Key, list[Key]]:
        """Return what each migration must come after, as the graph has it."""
        nodes = self.loader.graph.node_map
        edges = {}
        for each in migrations:
            node = nodes[each.app_label, each.name]
            others = node.children if backwards else node.parents
            edges[node.key] = [other.key for other in others]
        return edges

    def explain(self, placement: Placement) -> Explanation:
        """Explain why a migration of the plan fits no stage."""
        history = self.history
        placements = self.staging.plan.placements
        earlier = [each.key for each in placements[: placements.index(placement)]]
        tracker = history.at([*history.applied, *earlier])
        return history.explain(tracker, placement.step.migration)

    def migrate(
        self,
        targets: Any,
        plan: Any = None,
        state: Any = None,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> Any:
        """Apply a plan. Raises IrreversibleError before anything if it cannot."""
        for migration, backwards in plan or []:
            if backwards and not fake:
                _check_reversible(migration)
        return super().migrate(targets, plan, state, fake, fake_initial)

    def apply_migration(
        self,
        state: Any,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> Any:
        """Apply a migration. Raises MigrationFailedError if that fails."""
        with self._failing(migration):
            return super().apply_migration(state, migration, fake, fake_initial)

    def unapply_migration(
        self, state: Any, migration: Migration, fake: bool = False
    ) -> Any:
        """Undo a migration. Raises MigrationFailedError if that fails."""
        with self._failing(migration):
            return super().unapply_migration(state, migration, fake)

    @contextlib.contextmanager
    def _failing(self, migration: Migration) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            rolls_back = self.connection.features.can_rollback_ddl
            is_whole = bool(rolls_back and migration.atomic)
            raise MigrationFailedError(migration, error, is_whole) from error


def _check_reversible(migration: Migration) -> None:
    for operation in migration.operations:
        if not operation.reversible:
            raise IrreversibleError(
                f"{operation.describe()} in {migration} cannot be reversed. "
                "Nothing was unapplied."
            )


def staged_class(base: type[MigrationExecutor]) -> type[StagedExecutor]:
    """Return the staged variety of an executor class."""
    if issubclass(StagedExecutor, base):
        return StagedExecutor
    return type(f"Staged{base.__name__}", (StagedExecutor, base), {})
