"""The migration that is to be split, and why it may not be."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.core.management.base import CommandError
from django.db.migrations import Migration
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.loader import MigrationLoader

from syzygy_like import conf
from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.databases import Found, look_up
from syzygy_like.planning import policy
from syzygy_like.planning.history import History, Key, on_disk
from syzygy_like.planning.resolver import Policy, Resolution, explicit, resolve
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.tracking import Tracker


class MigrationToSplit:
    """A migration in the history that it is part of."""

    def __init__(self, history: History, migration: Migration):
        self.history = history
        self.migration = migration

    @property
    def key(self) -> Key:
        """App label and name."""
        return self.migration.app_label, self.migration.name

    @property
    def package(self) -> str:
        """The name of the package that it is a module of."""
        label = self.migration.app_label
        return MigrationLoader.migrations_module(label)[0] or ""

    @property
    def module(self) -> str:
        """The name of its module."""
        return f"{self.package}.{self.migration.name}"

    @functools.cached_property
    def path(self) -> Path:
        """Its file. Raises CommandError if there is no source of it."""
        path = Path(getattr(sys.modules[self.module], "__file__", None) or "")
        if path.suffix != ".py" or not path.is_file():
            raise CommandError(messages.no_source(self.migration))
        return path

    def before(self) -> Tracker:
        """Return the world before the migration."""
        plan = self.history.plan
        return self.history.at(plan[: plan.index(self.key)])

    def resolution(self) -> Resolution:
        """Return the stage that the migration has without any setting."""
        tracker = self.before()
        schemas = tracker.schemas
        return resolve(self.history.read(tracker, self.migration), schemas, Policy())

    def predecessors(self) -> list[Key]:
        """Return the migrations that say by themselves that they run before it."""
        loader, key = self.history.loader, self.key
        return [
            before
            for before, migration in sorted(loader.disk_migrations.items())
            for child in migration.run_before
            if loader.check_key(child, before[0]) == key
        ]


def find(app_label: str, prefix: str) -> MigrationToSplit:
    """Return a migration. Raises CommandError if there is none, or not only one."""
    try:
        apps.get_app_config(app_label)
    except LookupError as error:
        raise CommandError(str(error)) from error
    history = on_disk()
    if app_label not in history.loader.migrated_apps:
        raise CommandError(messages.no_migrations(app_label))
    try:
        if (app_label, prefix) in history.loader.disk_migrations:
            return MigrationToSplit(
                history, history.loader.disk_migrations[app_label, prefix]
            )
        migration = history.loader.get_migration_by_prefix(app_label, prefix)
    except AmbiguityError as error:
        raise CommandError(messages.ambiguous_name(app_label, prefix)) from error
    except KeyError as error:
        raise CommandError(messages.no_such_migration(app_label, prefix)) from error
    return MigrationToSplit(history, migration)


def refuse(subject: MigrationToSplit) -> Iterator[str]:
    """
    Yield databases that could not be asked, with their errors.

    Raises CommandError if a migration is not one to be split.
    """
    migration = subject.migration
    if migration.replaces:
        raise CommandError(messages.squashed(migration))
    for squashed in subject.history.loader.replacements.values():
        if subject.key in squashed.replaces:
            raise CommandError(messages.replaced(migration, squashed))
    if policy.is_third_party(migration):
        raise CommandError(messages.third_party(migration))
    resolution = explicit(TrackedMigration(migration), policy.current())
    resolution = resolution or subject.resolution()
    if resolution.stage:
        raise CommandError(messages.has_stage(migration, resolution))
    if _is_special(type(migration)):
        raise CommandError(messages.special_class(migration))
    yield from _refuse_applied(subject)


def _is_special(cls: type[Migration]) -> bool:
    """Tell whether a migration does something beside its operations."""
    return cls.__bases__ != (Migration,) or any(
        inspect.isfunction(value) or isinstance(value, (classmethod, property))
        for value in vars(cls).values()
    )


def _refuse_applied(subject: MigrationToSplit) -> Iterator[str]:
    graph = subject.history.loader.graph
    for app_label, name in conf.baseline().items():
        last = (app_label, name)
        is_own = app_label == subject.key[0] and last in graph.nodes
        if is_own and subject.key in graph.forwards_plan(last):
            raise CommandError(messages.in_baseline(subject.migration, name))
    for alias, found in look_up(subject.key):
        if isinstance(found, Exception):
            yield messages.not_asked(alias, found)
        elif found is Found.APPLIED:
            raise CommandError(messages.applied(subject.migration, alias))
        elif found is Found.BEGUN:
            raise CommandError(messages.begun(str(subject.migration), alias))
