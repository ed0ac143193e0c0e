"""Why a migration fits no stage, operation by operation, and how to split it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from django.core.exceptions import FieldDoesNotExist
from django.db.migrations import Migration, RenameField, RenameModel
from django.db.migrations.operations.base import Operation

from syzygy_like.expand_contract.parts import split_migration
from syzygy_like.planning.resolver import Resolution, advance, declared_stage, infer
from syzygy_like.schema.effects import Effect, Reader, TrackedMigration
from syzygy_like.schema.tracking import SchemaPair, Tracker
from syzygy_like.stages import Stage, StageSource

Groups = list[list[Operation]]
Split = tuple[tuple[Stage, tuple[Operation, ...]], ...]


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
    The stages of a migration's operations, and how to write it instead.

    ``split`` is several migrations that do the same, each with its stage and its
    operations; it is empty if there is none to propose. ``rewritten`` tells whether it
    has operations that the migration does not have. ``followers`` are the names of the
    app's migrations that depend on this one.
    """

    migration: Migration
    operation_stages: tuple[OperationStage, ...]
    split: Split = ()
    rewritten: bool = False
    followers: tuple[str, ...] = ()


def explain(migration: Migration, tracker: Tracker, reader: Reader) -> Explanation:
    """
    Explain why a migration fits no stage, and how to split it.

    ``tracker`` is at the state before it. A split keeps the operations as they are if
    that is possible, otherwise it has an expand part and a contract part.
    """
    stages = tuple(_operation_stages(migration, tracker.fork(), reader))
    validator = _SplitValidator(migration, tracker, reader)
    for groups in (_group_by_stage(stages), _group_in_order(stages, tracker.schemas)):
        if split := validator.validate(groups):
            return Explanation(migration, stages, split)
    same = not has_renames(migration.operations)
    for groups in _expand_and_contract(migration, stages, tracker, reader):
        if split := validator.validate(groups, same=same):
            return Explanation(migration, stages, split, rewritten=True)
    return Explanation(migration, stages)


def _operation_stages(
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


def _group_by_stage(stages: Sequence[OperationStage]) -> Groups:
    """Put first what may run before the deploy; what is opaque stays with the next."""
    first: list[Operation] = []
    second: list[Operation] = []
    held: list[Operation] = []
    for each in stages:
        if each.effect.opaque and each.stage is Stage.ANY:
            held.append(each.operation)
            continue
        group = first if Stage.PRE_DEPLOY in each.stage else second
        group.extend([*held, each.operation])
        held = []
    (second or first).extend(held)
    return [first, second]


def _group_in_order(stages: Sequence[OperationStage], schemas: SchemaPair) -> Groups:
    """Start a new migration wherever the operations so far would fit no stage."""
    groups: Groups = []
    start = schemas
    current: list[Effect] = []
    for each in stages:
        tracked = TrackedMigration(Migration("", ""), (*current, each.effect))
        if not groups or not infer(tracked, start).stage:
            start = advance(start, TrackedMigration(Migration("", ""), tuple(current)))
            current = []
            groups.append([])
        current.append(each.effect)
        groups[-1].append(each.operation)
    return groups


def _expand_and_contract(
    migration: Migration,
    stages: Sequence[OperationStage],
    tracker: Tracker,
    reader: Reader,
) -> Iterator[Groups]:
    """
    Yield expand and contract parts: of the migration as a whole, then by operation.

    They are not those that --pre-deploy applies. It fills rows and moves operations
    that cannot be read as it goes, which a file does not show to its author.
    """
    if all(each.effect.plain for each in stages):
        yield _parts(migration, tracker, reader, *migration.operations)
    fork = tracker.fork()
    expand: list[Operation] = []
    contract: list[Operation] = []
    for each in stages:
        parts = [[each.operation], list[Operation]()]
        if not each.stage and not each.effect.plain:
            return
        if not each.stage:
            parts = _parts(migration, fork, reader, each.operation)
        elif Stage.PRE_DEPLOY not in each.stage:
            parts.reverse()
        if not parts:
            return
        expand.extend(parts[0])
        contract.extend(parts[1])
        reader.effect(fork, migration.app_label, each.operation)
    yield [expand, contract]


def _parts(
    migration: Migration, tracker: Tracker, reader: Reader, *operations: Operation
) -> Groups:
    """Return the expand and the contract part of operations, nothing if impossible."""
    part = type("Migration", (Migration,), {"operations": operations})
    made = part(migration.name, migration.app_label)
    state = tracker.state.clone()
    return split_migration(made, state, reader.database_defaults, tracker.has_table)


def has_renames(operations: Iterable[Operation]) -> bool:
    """Tell whether operations rename something: then its old name may be kept."""
    return any(isinstance(each, (RenameField, RenameModel)) for each in operations)


class _SplitValidator:
    """Tries out whether several migrations can replace one."""

    def __init__(self, migration: Migration, tracker: Tracker, reader: Reader):
        self.migration = migration
        self.tracker = tracker
        self.reader = reader
        self.outcome = self._run([list(migration.operations)])[1]

    def validate(self, groups: Groups, same: bool = True) -> Split:
        """
        Return groups of operations with their stages, nothing if one fits no stage.

        With ``same`` they must end in the schemas of the migration: they do not if they
        keep an old name on purpose.
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
            stage = infer(TrackedMigration(self.migration, effects), schemas).stage
            for operation in group:
                declared = declared_stage(self.migration, operation)
                stage = stage if declared is None else stage & declared
            stages.append(stage)
        return stages, tracker.schemas
