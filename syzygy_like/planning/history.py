"""The migrations of a project in the order in which they are applied."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Collection, Iterable, Iterator

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error
from django.db.migrations import Migration
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader

from syzygy_like.expand_contract.simulation import CannotSplitError, DeployState
from syzygy_like.planning.database import (
    AnyDatabase,
    Basis,
    Database,
    current_basis,
    defaults_of,
)
from syzygy_like.planning.explanation import Explanation, explain
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.resolver import Resolution, resolve
from syzygy_like.schema.effects import Reader, TrackedMigration
from syzygy_like.schema.tracking import TrackedState, Tracker

Key = tuple[str, str]


@dataclasses.dataclass(eq=False)
class UnloadableError(Exception):
    """The migrations cannot be loaded: a file raises an error."""

    error: Exception


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Raise UnloadableError if a loader raises any error but one of the database."""
    try:
        yield
    except Error:
        raise
    except Exception as error:
        raise UnloadableError(error) from error


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
    """Return the history of the files, without a database. Raises UnloadableError."""
    with loading():
        loader = MigrationLoader(None, ignore_no_migrations=True)
    return History(loader, AnyDatabase(DEFAULT_DB_ALIAS))


@dataclasses.dataclass(eq=False)
class BrokenMigrationError(Exception):
    """A migration does not fit the state that the migrations before it leave."""

    key: Key
    error: Exception


@contextlib.contextmanager
def _raising_broken(key: Key) -> Iterator[None]:
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
        """Return a tracker at the state after migrations, as if they were applied."""
        state = TrackedState(real_apps=set(self.loader.unmigrated_apps))
        tracker = Tracker(state, self.database.has, self.database.unsigned)
        for key in keys:
            self.skip(tracker, key)
        tracker.assume_applied()
        return tracker

    def skip(self, tracker: Tracker, key: Key) -> None:
        """Apply a migration to a tracked state without asking what it does."""
        with _raising_broken(key):
            self.loader.graph.nodes[key].mutate_state(tracker.state, preserve=False)

    def read(self, tracker: Tracker, migration: Migration) -> TrackedMigration:
        """Apply a migration to a tracked state and return what it does."""
        with _raising_broken((migration.app_label, migration.name)):
            return self.database.reader.read(tracker, migration)

    def resolve(
        self, tracker: Tracker, migration: Migration, policy: Policy
    ) -> Resolution:
        """Apply a migration to a tracked state and return its stage."""
        schemas = tracker.schemas
        return resolve(self.read(tracker, migration), schemas, policy)

    def resolve_pending(self, policy: Policy) -> Iterator[tuple[Key, Resolution]]:
        """
        Yield the migrations that are not applied, in order, with their stages.

        Raises BrokenMigrationError and InvalidStageError when it comes to one of those.
        """
        tracker = self.at(self.applied)
        for key in self.plan:
            if key not in self.loader.applied_migrations:
                yield key, self.resolve(tracker, self.loader.graph.nodes[key], policy)

    def explain(self, tracker: Tracker, migration: Migration) -> Explanation:
        """Explain why a migration fits no stage, with a tracker at the state before."""
        node = self.loader.graph.node_map[migration.app_label, migration.name]
        followers = sorted(
            child.key[1]
            for child in node.children
            if child.key[0] == migration.app_label
        )
        explanation = explain(migration, tracker, self._reader_with_defaults())
        return dataclasses.replace(explanation, followers=tuple(followers))

    def _reader_with_defaults(self, basis: Basis | None = None) -> Reader:
        """Return a reader that knows which values the databases can fill in."""
        database_defaults = defaults_of(current_basis() if basis is None else basis)
        return dataclasses.replace(
            self.database.reader, database_defaults=database_defaults
        )

    def reader(self, basis: Basis | None = None) -> Reader:
        """Return the reader of a deploy, by a basis or by what this process has."""
        reader = self._reader_with_defaults(basis)
        # Django creates a foreign key again only if it finds the one that it drops: a
        # run that is killed between the two would leave none.
        disposes = reader.database_defaults.disposes and not self.database.resumes
        database_defaults = dataclasses.replace(
            reader.database_defaults, disposes=disposes
        )
        return dataclasses.replace(reader, database_defaults=database_defaults)

    def deploy_state(self, start: Tracker, basis: Basis | None = None) -> DeployState:
        """Return the state of a deploy that starts at a tracker."""
        return DeployState(start, self.reader(basis))

    def can_split(self, start: Tracker, migration: Migration) -> bool:
        """Tell whether a migration can be applied in parts, from the state before."""
        try:
            self.deploy_state(start).expand(migration)
        except CannotSplitError:
            return False
        return True

    def forwards(
        self,
        tracker: Tracker,
        migrations: Iterable[Migration],
        applied_already: Collection[Key] = (),
    ) -> list[TrackedMigration]:
        """
        Apply migrations to a tracked state and return what they do.

        Those that are ``applied_already``, though not recorded, do nothing.
        """
        return [
            TrackedMigration(each)
            if (each.app_label, each.name) in applied_already
            else self.read(tracker, each)
            for each in migrations
        ]

    def backwards(self, migrations: Collection[Migration]) -> list[TrackedMigration]:
        """Return what it does to unapply applied migrations, in the order given."""
        wanted = {(each.app_label, each.name) for each in migrations}
        tracked_migrations = {tracked.key: tracked for tracked in self._replay(wanted)}
        return [tracked_migrations[each.app_label, each.name] for each in migrations]

    def _replay(self, wanted: Collection[Key]) -> Iterator[TrackedMigration]:
        """Yield what undoes applied migrations."""
        tracker = self.at([])
        for key in self.applied:
            migration = self.loader.graph.nodes[key]
            if key in wanted:
                tracker.assume_applied()
                tracked = self.read(tracker, migration)
                yield self.database.reader.undo(tracked, tracker.schemas.database)
            else:
                self.skip(tracker, key)

    def edges(
        self, migrations: Iterable[Migration], backwards: bool
    ) -> dict[Key, list[Key]]:
        """Return what each migration must come after, as the graph has it."""
        nodes = self.loader.graph.node_map
        edges = {}
        for each in migrations:
            node = nodes[each.app_label, each.name]
            others = node.children if backwards else node.parents
            edges[node.key] = [other.key for other in others]
        return edges
