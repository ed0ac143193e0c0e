"""The migrations of a project in the order in which they are applied."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Collection, Iterable, Iterator

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections, router
from django.db.migrations import Migration, RunSQL
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState

from syzygy_like import backends
from syzygy_like.effects import Reader, Step
from syzygy_like.explain import Explanation, explain
from syzygy_like.schema import Patch, Schema
from syzygy_like.sql import read_sql
from syzygy_like.tracking import TrackedState, Tracker

Key = tuple[str, str]


class UnloadableError(Exception):
    """The migrations cannot be loaded, for whatever their files raise."""

    def __init__(self, error: Exception):
        super().__init__(error)
        self.error = error


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Raise UnloadableError where a loader raises anything, but for its database."""
    try:
        yield
    except Error:
        raise
    except Exception as error:
        raise UnloadableError(error) from error


@dataclasses.dataclass(frozen=True)
class Database:
    """What becomes of models and operations on one database, by the routers."""

    alias: str

    def has(self, model: ModelState) -> bool:
        """Tell whether a model has a table."""
        if is_swapped(model):
            return False
        hints = {}
        with contextlib.suppress(LookupError):  # of history only, there is no class
            hints["model"] = apps.get_model(model.app_label, model.name_lower)
        return router.allow_migrate(
            self.alias, model.app_label, model_name=model.name_lower, **hints
        )

    def permits(self, app_label: str, operation: Operation) -> bool:
        """Tell whether an operation that has hints for the routers runs at all."""
        hints = getattr(operation, "hints", {})
        return router.allow_migrate(self.alias, app_label, **hints)

    def read_sql(self, operation: RunSQL, schema: Schema) -> Patch | None:
        """Return what SQL does to a schema, None if it cannot be told."""
        return read_sql(operation, schema, connections[self.alias].vendor)

    @property
    def unsigned(self) -> bool:
        """Whether positive integers use the bit of the sign for values."""
        return connections[self.alias].vendor == "mysql"

    @property
    def reader(self) -> Reader:
        """A reader of what operations do to this database."""
        return Reader(self.read_sql, self.permits)


class AnyDatabase(Database):
    """A database that all models have their tables on."""

    def has(self, model: ModelState) -> bool:
        """Tell whether a model has a table."""
        return not is_swapped(model)

    def permits(self, app_label: str, operation: Operation) -> bool:
        """Tell that every operation runs."""
        return True


def is_swapped(model: ModelState) -> bool:
    """Tell whether another model is swapped in for this one."""
    setting = model.options.get("swappable")
    swapped_in: str | None = getattr(settings, setting, None) if setting else None
    label = f"{model.app_label}.{model.name}"
    return swapped_in is not None and swapped_in.lower() != label.lower()


def as_written(dependency: tuple[str, str]) -> tuple[str, str]:
    """Return a dependency as Django's writer takes it: by its setting, if any."""
    value = getattr(dependency, "setting", None)
    for model in apps.get_models(include_swapped=True):
        name = model._meta.swappable
        if name and value and getattr(settings, name, None) == value:
            return ("__setting__", name)
    return dependency


def full_plan(graph: MigrationGraph) -> list[Key]:
    """Return all migrations in the order that Django takes on an empty database."""
    plan: dict[Key, None] = {}
    stack = [(graph.node_map[key], False) for key in reversed(graph.leaf_nodes())]
    while stack:
        node, done = stack.pop()
        if node.key in plan:
            continue
        if done:
            plan[node.key] = None
        else:
            stack.append((node, True))
            stack.extend((parent, False) for parent in sorted(node.parents))
    return list(plan)


def on_disk() -> History:
    """Return the history of the files, of no database. Raises UnloadableError."""
    with loading():
        loader = MigrationLoader(None, ignore_no_migrations=True)
    return History(loader, AnyDatabase(DEFAULT_DB_ALIAS))


class BrokenMigrationError(Exception):
    """A migration does not fit the state that the ones before it leave."""

    def __init__(self, key: Key, error: Exception):
        super().__init__(key, error)
        self.key = key
        self.error = error


@contextlib.contextmanager
def _naming(key: Key) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a project's own operations raise
        raise BrokenMigrationError(key, error) from error


class History:
    """Replays migrations, without rendering a model or asking a database."""

    def __init__(self, loader: MigrationLoader, database: Database):
        self.loader = loader
        self.database = database

    @functools.cached_property
    def plan(self) -> list[Key]:
        """All migrations, in order."""
        return full_plan(self.loader.graph)

    @functools.cached_property
    def applied(self) -> list[Key]:
        """The applied migrations, in order."""
        return [key for key in self.plan if key in self.loader.applied_migrations]

    def at(self, keys: Iterable[Key]) -> Tracker:
        """Return the world after migrations, taken as applied as they stand."""
        state = TrackedState(real_apps=set(self.loader.unmigrated_apps))
        tracker = Tracker(state, self.database.has, self.database.unsigned)
        for key in keys:
            self.skip(tracker, key)
        tracker.settle()
        return tracker

    def skip(self, tracker: Tracker, key: Key) -> None:
        """Apply a migration to a tracked state without asking what it does."""
        with _naming(key):
            self.loader.graph.nodes[key].mutate_state(tracker.state, preserve=False)

    def read(self, tracker: Tracker, migration: Migration) -> Step:
        """Apply a migration to a tracked state and return what it does."""
        with _naming((migration.app_label, migration.name)):
            return self.database.reader.step(tracker, migration)

    def explain(self, tracker: Tracker, migration: Migration) -> Explanation:
        """Explain why a migration fits no stage, from the world before it."""
        node = self.loader.graph.node_map[migration.app_label, migration.name]
        followers = sorted(
            child.key[1]
            for child in node.children
            if child.key[0] == migration.app_label
        )
        reader = dataclasses.replace(self.database.reader, omission=backends.omission())
        explanation = explain(migration, tracker, reader)
        return dataclasses.replace(explanation, followers=tuple(followers))

    def forwards(
        self,
        tracker: Tracker,
        migrations: Iterable[Migration],
        there: Collection[Key] = (),
    ) -> list[Step]:
        """
        Apply migrations to a tracked state and return what they do.

        Those that are ``there`` already, though not recorded, do nothing.
        """
        return [
            Step(each)
            if (each.app_label, each.name) in there
            else self.read(tracker, each)
            for each in migrations
        ]

    def backwards(self, migrations: Collection[Migration]) -> list[Step]:
        """Return what unapplying applied migrations does, in the order given."""
        wanted = {(each.app_label, each.name) for each in migrations}
        steps = {step.key: step for step in self._replay(wanted)}
        return [steps[each.app_label, each.name] for each in migrations]

    def _replay(self, wanted: Collection[Key]) -> Iterator[Step]:
        """Yield what undoes applied migrations."""
        tracker = self.at([])
        for key in self.applied:
            migration = self.loader.graph.nodes[key]
            if key in wanted:
                tracker.settle()
                step = self.read(tracker, migration)
                yield self.database.reader.undone(step, tracker.world.database)
            else:
                self.skip(tracker, key)
