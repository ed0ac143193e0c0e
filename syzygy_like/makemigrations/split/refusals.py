"""Why a migration, or the split that is known of it, may not be written."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator, Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error, connections
from django.db.migrations import Migration
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like import conf
from syzygy_like.executor import messages as executor_messages
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import InvalidRecordError
from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.migration import MigrationToSplit
from syzygy_like.planning.explanation import Explanation, OperationStage, has_renames
from syzygy_like.planning.history import Key, on_disk
from syzygy_like.planning.policy import current_policy, is_third_party
from syzygy_like.planning.resolver import declared_stage, explicit
from syzygy_like.schema.effects import TrackedMigration


class Found(enum.Enum):
    """How far a migration is on a database: applied, or begun (maybe in part)."""

    APPLIED = enum.auto()
    BEGUN = enum.auto()


def look_up(key: Key) -> Iterator[tuple[str, Found | Exception | None]]:
    """
    Yield for each database how far a migration is, or the error of the query.

    Raises InvalidRecordError.
    """
    for alias in sorted(connections):
        engine = connections.settings[alias].get("ENGINE") or ""
        if engine.endswith(".dummy"):
            continue
        try:
            yield alias, _found(alias, key)
        except (Error, ImproperlyConfigured) as error:
            yield alias, error


def _found(alias: str, key: Key) -> Found | None:
    connection = connections[alias]
    if key in MigrationRecorder(connection).applied_migrations():
        return Found.APPLIED
    record = Ledger(connection).record
    begun = any(each.key == key for each in record.begun)
    return Found.BEGUN if begun or record.entry(key) else None


def refuse_update(app_label: str) -> None:
    """Raise CommandError if part of an app's last migration has run."""
    for key in on_disk().loader.graph.leaf_nodes(app_label):
        try:
            for alias, found in look_up(key):
                if found is Found.BEGUN:
                    raise CommandError(messages.begun(".".join(key), alias))
        except InvalidRecordError as error:
            raise CommandError(executor_messages.invalid_record(error)) from error


def refuse(target: MigrationToSplit) -> Iterator[str]:
    """
    Yield warnings about databases that do not answer.

    Raises CommandError if a migration must not be split.
    """
    migration = target.migration
    if migration.replaces:
        raise CommandError(messages.squashed(migration))
    for squashed in target.history.loader.replacements.values():
        if target.key in squashed.replaces:
            raise CommandError(messages.replaced(migration, squashed))
    if is_third_party(migration):
        raise CommandError(messages.third_party(migration))
    resolution = explicit(TrackedMigration(migration), current_policy())
    resolution = resolution or target.resolution()
    if resolution.stage:
        raise CommandError(messages.has_stage(migration, resolution))
    if _is_special(type(migration)):
        raise CommandError(messages.special_class(migration))
    yield from _refuse_applied(target)


def _is_special(cls: type[Migration]) -> bool:
    """Return whether a migration does more than its operations."""
    return cls.__bases__ != (Migration,) or any(
        inspect.isfunction(value) or isinstance(value, (classmethod, property))
        for value in vars(cls).values()
    )


def _refuse_applied(target: MigrationToSplit) -> Iterator[str]:
    graph = target.history.loader.graph
    for app_label, name in conf.baseline().items():
        last = (app_label, name)
        is_own = app_label == target.key[0] and last in graph.nodes
        if is_own and target.key in graph.forwards_plan(last):
            raise CommandError(messages.in_baseline(target.migration, name))
    for alias, found in look_up(target.key):
        if isinstance(found, Exception):
            yield messages.not_asked(alias, found)
        elif found is Found.APPLIED:
            raise CommandError(messages.applied(target.migration, alias))
        elif found is Found.BEGUN:
            raise CommandError(messages.begun(str(target.migration), alias))


def refuse_split(target: MigrationToSplit, explanation: Explanation) -> None:
    """Raise CommandError if a migration has no split, or none that can be written."""
    migration = target.migration
    if explanation.rewritten and has_renames(migration.operations):
        raise CommandError(messages.renamed(explanation))
    opaque = opaque_operations(explanation)
    if not explanation.split:
        if opaque and _can_be_split_without(target, opaque):
            raise CommandError(messages.opaque(migration, opaque))
        raise CommandError(messages.no_split(explanation))
    for each, other in _reordered(explanation, opaque):
        raise CommandError(messages.reordered(migration, each, other))


def opaque_operations(explanation: Explanation) -> list[OperationStage]:
    """Return the opaque operations that declare no stage."""
    return [
        each
        for each in explanation.operation_stages
        if each.effect.opaque
        and declared_stage(explanation.migration, each.operation) is None
    ]


def _can_be_split_without(
    target: MigrationToSplit, verdicts: Sequence[OperationStage]
) -> bool:
    """Return whether a migration without them fits a stage or has a split."""
    without = {id(each.operation) for each in verdicts}
    operations = [
        each for each in target.migration.operations if id(each) not in without
    ]
    attributes = {"operations": operations}
    rest = type("Migration", (Migration,), attributes)(*reversed(target.key))
    try:
        explained = target.history.explain(target.before(), rest)
        alone = MigrationToSplit(target.history, rest).resolution()
    except Exception:  # an operation needs one that was left out
        return False
    return bool(explained.split or alone.stage)


def _reordered(
    explanation: Explanation, opaque: Sequence[OperationStage]
) -> Iterator[tuple[OperationStage, OperationStage]]:
    """Yield opaque operations, each with another one that the split moves past it."""
    written = [id(each) for _, operations in explanation.split for each in operations]
    kept = [
        each for each in explanation.operation_stages if id(each.operation) in written
    ]
    place = {each.number: written.index(id(each.operation)) for each in kept}
    for each in opaque:
        for other in kept:
            if each.number not in place:
                continue
            before = other.number < each.number
            if before != (place[other.number] < place[each.number]) and other != each:
                yield each, other
