"""What operations and migrations do: to the code's schema and to the database's."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable

from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation

from syzygy_like.schema import Patch, Schema, join
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.schema.tracking import Tracker

SQLReader = Callable[[RunSQL, Schema], "Patch | None"]
Permits = Callable[[str, Operation], bool]


@dataclasses.dataclass(frozen=True)
class Effect:
    """
    What one operation does.

    ``code`` is what becomes of the schema that the code expects, ``database`` of
    the one that there is. An ``opaque`` operation does something that cannot be
    told in advance. One that ``writes`` may change rows as its author likes, whether
    or not it is known what else it does.
    """

    operation: Operation
    code: Patch = dataclasses.field(default_factory=Patch)
    database: Patch = dataclasses.field(default_factory=Patch)
    opaque: bool = False
    writes: bool = False

    @property
    def plain(self) -> bool:
        """Whether the database gets what the models say, and nothing else."""
        return self.code == self.database and not self.writes


@dataclasses.dataclass(frozen=True)
class TrackedMigration:
    """A migration and what its operations do, in order."""

    migration: Migration
    effects: tuple[Effect, ...] = ()
    backwards: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """App label and name of the migration."""
        return self.migration.app_label, self.migration.name

    @functools.cached_property
    def code(self) -> Patch:
        """What becomes of the schema that the code expects."""
        return join(effect.code for effect in self.effects)

    @functools.cached_property
    def database(self) -> Patch:
        """What becomes of the schema of the database."""
        return join(effect.database for effect in self.effects)

    @property
    def tables(self) -> frozenset[str]:
        """The names of all tables that change, on either side."""
        return self.code.tables | self.database.tables

    @property
    def opaque(self) -> bool:
        """Whether any operation is opaque."""
        return any(effect.opaque for effect in self.effects)

    @property
    def writes(self) -> bool:
        """Whether any operation may change rows as its author likes."""
        return any(effect.writes for effect in self.effects)

    def reversed(self) -> TrackedMigration:
        """Return the step that undoes this one."""
        effects = tuple(
            dataclasses.replace(
                effect, code=effect.code.inverse, database=effect.database.inverse
            )
            for effect in reversed(self.effects)
        )
        return TrackedMigration(self.migration, effects, backwards=not self.backwards)

    def only(self, effects: Iterable[Effect]) -> TrackedMigration:
        """Return the same migration with some of its effects."""
        return dataclasses.replace(self, effects=tuple(effects))


@dataclasses.dataclass(frozen=True)
class Reader:
    """
    Reads what operations do.

    ``read_sql`` returns what SQL does to a schema, None if it cannot tell;
    ``permits`` whether a router lets an operation of an app run at all;
    ``database_defaults`` what the database can fill in.
    """

    read_sql: SQLReader = lambda operation, schema: None
    permits: Permits = lambda app_label, operation: True
    database_defaults: DatabaseDefaults = dataclasses.field(
        default_factory=DatabaseDefaults
    )

    def read(self, tracker: Tracker, migration: Migration) -> TrackedMigration:
        """Apply a migration to a tracked state and return what it does."""
        effects = [
            self.effect(tracker, migration.app_label, operation)
            for operation in migration.operations
        ]
        return TrackedMigration(migration, tuple(effects))

    def undo(self, tracked: TrackedMigration, database: Schema) -> TrackedMigration:
        """Return the step that undoes another one, which left a database like this."""
        effects = []
        for effect in tracked.reversed().effects:
            operation = effect.operation
            if isinstance(operation, RunSQL):
                back = RunSQL(operation.reverse_sql or RunSQL.noop)
                patch = self.read_sql(back, database)
                effect = dataclasses.replace(
                    effect,
                    database=effect.code if patch is None else patch,
                    opaque=patch is None,
                )
            database = effect.database.apply(database)
            effects.append(effect)
        return TrackedMigration(tracked.migration, tuple(effects), backwards=True)

    def effect(self, tracker: Tracker, app_label: str, operation: Operation) -> Effect:
        """Apply an operation to a tracked state and return what it does."""
        if isinstance(operation, SeparateDatabaseAndState):
            database, opaque = self._separate_database(tracker, app_label, operation)
        elif isinstance(operation, RunSQL):
            database, opaque = self._sql(tracker, app_label, operation)
        else:
            database, opaque = None, False
        operation.state_forwards(app_label, tracker.state)
        code = tracker.refresh()
        if database is None:
            database = code
            opaque = self._is_opaque(app_label, operation, code)
        elif opaque:
            # What cannot be read does what its author says: what the models say.
            database = database.then(code)
        tracker.record(database)
        writes = opaque or self._writes(app_label, operation)
        return Effect(operation, code, database, opaque, writes)

    def _writes(self, app_label: str, operation: Operation) -> bool:
        if isinstance(operation, SeparateDatabaseAndState):
            inner = operation.database_operations
            return any(self._writes(app_label, each) for each in inner)
        return isinstance(operation, RunSQL) and self.permits(app_label, operation)

    def _separate_database(
        self, tracker: Tracker, app_label: str, operation: SeparateDatabaseAndState
    ) -> tuple[Patch, bool]:
        fork = tracker.fork()
        effects = [
            self.effect(fork, app_label, database_operation)
            for database_operation in operation.database_operations
        ]
        opaque = any(effect.opaque for effect in effects)
        return join(effect.database for effect in effects), opaque

    def _is_opaque(self, app_label: str, operation: Operation, code: Patch) -> bool:
        """Tell of an operation that is no SQL whether it may do anything at all."""
        if not isinstance(operation, RunPython):
            known = type(operation).__module__.startswith("django.")
            if code or known:
                return False
        # What asks no router by itself has no hints.
        asks = hasattr(operation, "hints")
        return not asks or self.permits(app_label, operation)

    def _sql(
        self, tracker: Tracker, app_label: str, operation: RunSQL
    ) -> tuple[Patch, bool]:
        if not self.permits(app_label, operation):
            return Patch(), False
        patch = self.read_sql(operation, tracker.schemas.database)
        return (Patch(), True) if patch is None else (patch, False)
