"""What the system check reports of migrations and settings: E001 to E007, W001."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Collection, Iterator, Sequence

from django.core.checks import CheckMessage, Error, Warning
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations import Migration, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from syzygy_like import conf
from syzygy_like.planning.database import AnyDatabase
from syzygy_like.planning.delays import InvalidDelayError, stage_delay
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import (
    BrokenMigrationError,
    History,
    Key,
    UnloadableError,
    loading,
)
from syzygy_like.planning.messages import checks, errors
from syzygy_like.planning.messages.fixes import fix
from syzygy_like.planning.policy import current_policy
from syzygy_like.planning.resolver import (
    InvalidStageError,
    declared_stage,
    explicit,
    resolve,
)
from syzygy_like.schema.effects import TrackedMigration
from syzygy_like.schema.sql import is_available


def review(
    app_labels: Collection[str] | None = None,
) -> tuple[list[CheckMessage], set[str]]:
    """
    Return what is wrong, and the modules that the migrations depend on.

    If ``app_labels`` are given, only what is wrong with these apps is returned.
    """
    try:
        with loading():
            loader = MigrationLoader(None, ignore_no_migrations=True)
    except UnloadableError as error:
        return [Error(checks.unloadable(error), id="syzygy_like.E006")], set()
    reviewed = Review(loader, app_labels)
    return [*reviewed.settings(), *reviewed.migrations()], reviewed.modules()


class Review:
    """Goes through all migrations as on an empty database."""

    def __init__(
        self, loader: MigrationLoader, app_labels: Collection[str] | None = None
    ):
        self.loader = loader
        self.app_labels = loader.migrated_apps if app_labels is None else app_labels
        self.history = History(loader, AnyDatabase(DEFAULT_DB_ALIAS))
        self.baseline = conf.baseline()

    def settings(self) -> Iterator[CheckMessage]:
        """Yield what is wrong with the settings."""
        for problem in conf.invalid_settings(self.loader):
            named = problem.fault in (
                conf.Fault.NO_SUCH_APP,
                conf.Fault.NO_SUCH_MIGRATION,
            )
            yield Error(
                checks.invalid_setting(problem),
                hint=checks.setting_hint(problem),
                id="syzygy_like.E005" if named else "syzygy_like.E004",
            )

    def migrations(self) -> list[CheckMessage]:
        """Return what is wrong with the migrations."""
        try:
            policy = current_policy()
        except conf.InvalidSettingError:
            return []  # reported with the settings, and needed here
        self.policy = policy
        messages: list[CheckMessage] = []
        ambiguous: list[Key] = []
        try:
            for key, fits, found in self._reviewed():
                if key[0] in self.app_labels:
                    messages.extend(found)
                    ambiguous.extend([] if fits else [key])
        except BrokenMigrationError as error:
            text = errors.broken(error.key, error.error)
            messages.append(Error(text, id="syzygy_like.E006"))
        return [*messages, *self._ambiguous(ambiguous)]

    def _reviewed(self) -> Iterator[tuple[Key, bool, list[CheckMessage]]]:
        """Yield migrations, whether each fits a stage, and what else is wrong."""
        tracker = self.history.at([])
        covered = self._covered()
        for key in self.history.plan:
            migration = self.loader.graph.nodes[key]
            invalid = list(_invalid_attributes(migration))
            if invalid or key in covered or self._is_exempt(migration):
                self.history.skip(tracker, key)
                yield key, True, invalid
                continue
            tracker.assume_applied()
            schemas = tracker.schemas
            before = tracker.fork() if self.policy.bridges(migration) else None
            tracked = self.history.read(tracker, migration)
            fits = bool(resolve(tracked, schemas, self.policy).stage)
            if before is not None and not fits:
                fits = self.history.can_split(before, migration)
            yield key, fits, list(_unreadable(tracked))

    def _is_exempt(self, migration: Migration) -> bool:
        """Tell whether a migration is never reported, whatever it does."""
        if migration.replaces:
            return True  # It runs on a new database, or not at all.
        if self.policy.is_third_party(migration):
            return (
                self.policy.bridges(migration)
                or self.policy.fallback(migration) is not None
            )
        return explicit(TrackedMigration(migration), self.policy) is not None

    def _covered(self) -> set[Key]:
        """Return the migrations that the baseline says are applied everywhere."""
        covered: set[Key] = set()
        for app_label, name in self.baseline.items():
            key = (app_label, name)
            for squashed, migration in self.loader.replacements.items():
                if key in migration.replaces and key not in self.loader.graph.nodes:
                    key = squashed
            if key in self.loader.graph.nodes:
                ancestors = self.loader.graph.forwards_plan(key)
                covered.update(each for each in ancestors if each[0] == app_label)
        return covered

    def _ambiguous(self, keys: Sequence[Key]) -> Iterator[CheckMessage]:
        for explanation in self._explanations(keys):
            hint = fix(explanation)
            migration = explanation.migration
            if (migration.app_label, migration.name) == keys[-1]:
                baseline = checks.baseline_hint(dict(keys))
                hint = f"{hint}\n\n{baseline}\n"
            yield Error(
                checks.ambiguous(explanation),
                hint=hint,
                obj=migration,
                id="syzygy_like.E001",
            )

    def _explanations(self, keys: Sequence[Key]) -> Iterator[Explanation]:
        if not keys:
            return
        wanted = set(keys)
        tracker = self.history.at([])
        for key in self.history.plan[: self.history.plan.index(keys[-1]) + 1]:
            if key in wanted:
                tracker.assume_applied()
                migration = self.loader.graph.nodes[key]
                yield self.history.explain(tracker, migration)
            self.history.skip(tracker, key)

    def modules(self) -> set[str]:
        """Return the modules that the migrations import, or whose classes they use."""
        modules: set[str] = set()
        classes: set[type] = set()
        for migration in self.loader.graph.nodes.values():
            modules.update(_imported(migration))
            for operation in migration.operations:
                classes.update(_classes(operation))
        modules.update(each.__module__ for cls in classes for each in cls.__mro__)
        return {name for name in modules if not name.startswith("django.")}


def _imported(migration: Migration) -> Iterator[str]:
    """Yield the modules that a migration's file imports."""
    module = sys.modules[type(migration).__module__]
    with contextlib.suppress(OSError, SyntaxError, TypeError):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                name = "." * node.level + (node.module or "")
                source = importlib.util.resolve_name(name, module.__package__)
                yield source
                yield from (f"{source}.{alias.name}" for alias in node.names)


def _classes(operation: Operation) -> Iterator[type]:
    """Yield the classes that an operation uses."""
    yield type(operation)
    for name in ("field", "constraint", "index"):
        yield type(getattr(operation, name, None))
    for _, field in getattr(operation, "fields", ()):
        yield type(field)
    yield from filter(inspect.isclass, getattr(operation, "bases", ()))
    for name in ("database_operations", "state_operations"):
        for nested in getattr(operation, name, None) or ():
            yield from _classes(nested)


def _invalid_attributes(migration: Migration) -> Iterator[CheckMessage]:
    try:
        declared_stage(migration)
        for operation in migration.operations:
            declared_stage(migration, operation)
    except InvalidStageError as error:
        yield Error(
            checks.invalid_stage(error),
            hint=checks.stage_hint(),
            obj=migration,
            id="syzygy_like.E002",
        )
    try:
        stage_delay(migration)
    except InvalidDelayError as error:
        yield Error(
            checks.invalid_delay(error.migration, error.value),
            obj=migration,
            id="syzygy_like.E003",
        )
    if migration.atomic and any(map(_forbids_transaction, migration.operations)):
        yield Error(
            checks.in_transaction(migration),
            hint=checks.atomic_hint(),
            obj=migration,
            id="syzygy_like.E007",
        )


def _forbids_transaction(operation: Operation) -> bool:
    inner = getattr(operation, "database_operations", None) or ()
    own = getattr(operation, "forbids_transaction", False) is True
    return own or any(map(_forbids_transaction, inner))


def _unreadable(tracked: TrackedMigration) -> Iterator[CheckMessage]:
    for effect in tracked.effects:
        declared = declared_stage(tracked.migration, effect.operation)
        if effect.opaque and isinstance(effect.operation, RunSQL) and not declared:
            yield Warning(
                checks.unreadable_sql(effect.operation),
                hint=checks.unreadable_hint(is_available()),
                obj=tracked.migration,
                id="syzygy_like.W001",
            )
