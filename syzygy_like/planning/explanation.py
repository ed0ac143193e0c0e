"""Why a migration fits no stage, operation by operation, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from django.core.exceptions import FieldDoesNotExist
from django.db.migrations import Migration, RenameField, RenameModel
from django.db.migrations.operations.base import Operation

from syzygy_like.expand_contract.alone import in_halves
from syzygy_like.planning.resolver import Resolution, advance, declared_stage, infer
from syzygy_like.schema.effects import Effect, Reader, TrackedMigration
from syzygy_like.schema.tracking import SchemaPair, Tracker
from syzygy_like.stages import Stage, StageSource

Groups = list[list[Operation]]


@dataclasses.dataclass(frozen=True)
class OperationStage:
    """The stage of one operation of a migration."""

    number: int
    effect: Effect
    resolution: Resolution
    target: str

    @property
    def operation(self) -> Operation:
        """The operation itself."""
        return self.effect.operation

    @property
    def stage(self) -> Stage:
        """The stage of the operation by itself."""
        return self.resolution.stage


@dataclasses.dataclass(frozen=True)
class Explanation:
    """
    The verdicts on a migration's operations, and how to write it instead.

    ``split`` is a list of migrations, each a list of operations, which do the same
    and of which each fits a stage; empty where there is none to propose.
    ``rewritten`` tells whether it has operations that the migration has not.
    ``followers`` are the migrations of the app that depend on this one.
    """

    migration: Migration
    verdicts: tuple[OperationStage, ...]
    split: tuple[tuple[Stage, tuple[Operation, ...]], ...] = ()
    rewritten: bool = False
    followers: tuple[str, ...] = ()


def explain(migration: Migration, tracker: Tracker, reader: Reader) -> Explanation:
    """Explain a migration by itself; ``tracker`` is at the state before it."""
    verdicts = tuple(_verdicts(migration, tracker.fork(), reader))
    trial = _OperationTrial(migration, tracker, reader)
    for groups in (_by_stage(verdicts), _in_order(verdicts, tracker.schemas)):
        if split := trial.split(groups):
            return Explanation(migration, verdicts, split)
    for groups in _rewritten(migration, verdicts, tracker, reader):
        if split := trial.split(groups, same=not renames(migration.operations)):
            return Explanation(migration, verdicts, split, rewritten=True)
    return Explanation(migration, verdicts)


def _verdicts(
    migration: Migration, tracker: Tracker, reader: Reader
) -> Iterator[OperationStage]:
    for number, operation in enumerate(migration.operations, start=1):
        target = _target(migration.app_label, operation, tracker)
        schemas = tracker.schemas
        effect = reader.effect(tracker, migration.app_label, operation)
        resolution = infer(TrackedMigration(migration, (effect,)), schemas)
        declared = declared_stage(migration, operation)
        if declared is not None:
            resolution = Resolution(declared, StageSource.DECLARED)
        yield OperationStage(number, effect, resolution, target)


def _target(app_label: str, operation: Operation, tracker: Tracker) -> str:
    """Return what an operation is about, in the words of the models."""
    part = getattr(operation, "constraint", None) or getattr(operation, "index", None)
    name = getattr(operation, "name", "") or getattr(part, "name", "")
    model_name = getattr(operation, "model_name", "")
    if not model_name:
        return str(name)
    model = tracker.state.models.get((app_label, model_name.lower()))
    names = (model.name if model else model_name, name)
    return ".".join(filter(None, names))


def _by_stage(verdicts: Sequence[OperationStage]) -> Groups:
    """Put first what may run before the deploy; what is opaque stays with the next."""
    first: list[Operation] = []
    second: list[Operation] = []
    held: list[Operation] = []
    for verdict in verdicts:
        if verdict.effect.opaque and verdict.stage is Stage.ANY:
            held.append(verdict.operation)
            continue
        group = first if Stage.PRE_DEPLOY in verdict.stage else second
        group.extend([*held, verdict.operation])
        held = []
    (second or first).extend(held)
    return [first, second]


def _in_order(verdicts: Sequence[OperationStage], schemas: SchemaPair) -> Groups:
    """Start a new migration wherever the operations so far would fit no stage."""
    groups: Groups = []
    start = schemas
    current: list[Effect] = []
    for verdict in verdicts:
        tracked = TrackedMigration(Migration("", ""), (*current, verdict.effect))
        if not groups or not infer(tracked, start).stage:
            start = advance(start, TrackedMigration(Migration("", ""), tuple(current)))
            current = []
            groups.append([])
        current.append(verdict.effect)
        groups[-1].append(verdict.operation)
    return groups


def _rewritten(
    migration: Migration,
    verdicts: Sequence[OperationStage],
    tracker: Tracker,
    reader: Reader,
) -> Iterator[Groups]:
    """Yield what it takes before and after the deploy: as a whole, and in parts."""
    if all(each.effect.plain for each in verdicts):
        yield _in_halves(migration, tracker, reader, *migration.operations)
    fork = tracker.fork()
    first: list[Operation] = []
    second: list[Operation] = []
    for verdict in verdicts:
        halves = [[verdict.operation], list[Operation]()]
        if not verdict.stage and not verdict.effect.plain:
            return
        if not verdict.stage:
            halves = _in_halves(migration, fork, reader, verdict.operation)
        elif Stage.PRE_DEPLOY not in verdict.stage:
            halves.reverse()
        if not halves:
            return
        first.extend(halves[0])
        second.extend(halves[1])
        reader.effect(fork, migration.app_label, verdict.operation)
    yield [first, second]


def _in_halves(
    migration: Migration, tracker: Tracker, reader: Reader, *operations: Operation
) -> Groups:
    part = type("Migration", (Migration,), {"operations": operations})
    made = part(migration.name, migration.app_label)
    state = tracker.state.clone()
    return in_halves(made, state, reader.database_defaults, tracker.presence)


def renames(operations: Iterable[Operation]) -> bool:
    """Tell whether operations rename something: then its old name may be kept."""
    return any(isinstance(each, (RenameField, RenameModel)) for each in operations)


class _OperationTrial:
    """Tries whether a migration can be replaced by several."""

    def __init__(self, migration: Migration, tracker: Tracker, reader: Reader):
        self.migration = migration
        self.tracker = tracker
        self.reader = reader
        self.outcome = self._run([list(migration.operations)])[1]

    def split(
        self, groups: Groups, same: bool = True
    ) -> tuple[tuple[Stage, tuple[Operation, ...]], ...]:
        """
        Return the groups with their stages, nothing if they will not do.

        If need be they end in the ``same`` schemas: an old name is kept on purpose.
        """
        groups = [group for group in groups if group]
        try:
            stages, outcome = self._run(groups)
        except (LookupError, FieldDoesNotExist, ValueError):
            # An operation needs one that came later.
            return ()
        if not all(stages) or (same and outcome != self.outcome):
            return ()
        return tuple(
            (stage, tuple(group)) for stage, group in zip(stages, groups, strict=True)
        )

    def _run(self, groups: Groups) -> tuple[list[Stage], SchemaPair]:
        tracker = self.tracker.fork()
        stages = []
        for group in groups:
            schemas = tracker.schemas
            effects = tuple(
                self.reader.effect(tracker, self.migration.app_label, operation)
                for operation in group
            )
            tracked = TrackedMigration(self.migration, effects)
            declared = [declared_stage(self.migration, each) for each in group]
            stage = infer(tracked, schemas).stage
            for each in declared:
                stage = stage & each if each is not None else stage
            stages.append(stage)
        return stages, tracker.schemas
