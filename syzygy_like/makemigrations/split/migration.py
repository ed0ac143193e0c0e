"""The migration that is to be split."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from django.apps import apps
from django.core.management.base import CommandError
from django.db.migrations import Migration
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.loader import MigrationLoader

from syzygy_like.makemigrations.split import messages
from syzygy_like.planning.history import History, Key, on_disk
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.resolver import Resolution
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
        """Its file. Raises CommandError if there is no source file."""
        path = Path(getattr(sys.modules[self.module], "__file__", None) or "")
        if path.suffix != ".py" or not path.is_file():
            raise CommandError(messages.no_source(self.migration))
        return path

    def before(self) -> Tracker:
        """Return a tracker of the schemas before the migration."""
        plan = self.history.plan
        return self.history.at(plan[: plan.index(self.key)])

    def resolution(self) -> Resolution:
        """Return the stage of the migration without any settings."""
        return self.history.resolve(self.before(), self.migration, Policy())

    def predecessors(self) -> list[Key]:
        """Return the migrations that name it in their ``run_before``."""
        loader, key = self.history.loader, self.key
        return [
            before
            for before, migration in sorted(loader.disk_migrations.items())
            for child in migration.run_before
            if loader.check_key(child, before[0]) == key
        ]


def find(app_label: str, prefix: str) -> MigrationToSplit:
    """Return a migration. Raises CommandError if none matches, or several do."""
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
