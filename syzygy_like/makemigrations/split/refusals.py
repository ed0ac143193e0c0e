"""Why the parts that a migration could have may not be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.core.management.base import CommandError
from django.db.migrations import Migration

from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.migration import MigrationToSplit
from syzygy_like.planning.explanation import Explanation, OperationStage, renames
from syzygy_like.planning.resolver import declared_stage


def refuse_split(subject: MigrationToSplit, explanation: Explanation) -> None:
    """Raise CommandError if a migration has no split, or none that can be written."""
    migration = subject.migration
    if explanation.rewritten and renames(migration.operations):
        raise CommandError(messages.renamed(explanation))
    opaque = obstacles(explanation)
    if not explanation.split:
        if opaque and _can_be_split_without(subject, opaque):
            raise CommandError(messages.opaque(migration, opaque))
        raise CommandError(messages.no_split(explanation))
    for each, other in _crossings(explanation, opaque):
        raise CommandError(messages.crossed(migration, each, other))


def obstacles(explanation: Explanation) -> list[OperationStage]:
    """Return operations of which nobody knows what they do, or says when they may."""
    return [
        each
        for each in explanation.verdicts
        if each.effect.opaque
        and declared_stage(explanation.migration, each.operation) is None
    ]


def _can_be_split_without(
    subject: MigrationToSplit, verdicts: Sequence[OperationStage]
) -> bool:
    """Tell whether a migration would fit a stage, or be split, without operations."""
    without = {id(each.operation) for each in verdicts}
    operations = [
        each for each in subject.migration.operations if id(each) not in without
    ]
    attributes = {"operations": operations}
    rest = type("Migration", (Migration,), attributes)(*reversed(subject.key))
    try:
        explained = subject.history.explain(subject.before(), rest)
        alone = MigrationToSplit(subject.history, rest).resolution()
    except Exception:  # an operation needs one that is left out
        return False
    return bool(explained.split or alone.stage)


def _crossings(
    explanation: Explanation, opaque: Sequence[OperationStage]
) -> Iterator[tuple[OperationStage, OperationStage]]:
    """Yield opaque operations with others that would change places with them."""
    written = [id(each) for _, operations in explanation.split for each in operations]
    kept = [each for each in explanation.verdicts if id(each.operation) in written]
    place = {each.number: written.index(id(each.operation)) for each in kept}
    for each in opaque:
        for other in kept:
            if each.number not in place:
                continue
            before = other.number < each.number
            if before != (place[other.number] < place[each.number]) and other != each:
                yield each, other
