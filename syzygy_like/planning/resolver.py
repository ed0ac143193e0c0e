"""The stage of a migration: declared, overridden, inferred or a fallback."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

from syzygy_like.compatibility import Problem, errors, incompatibilities
from syzygy_like.planning.policy import Policy
from syzygy_like.schema import Patch, Schema
from syzygy_like.schema.effects import Effect, TrackedMigration
from syzygy_like.schema.tracking import SchemaPair
from syzygy_like.stages import Stage, StageSource


@dataclasses.dataclass(eq=False)
class InvalidStageError(Exception):
    """The ``stage`` of a migration, or of one of its operations, is no ``Stage``."""

    migration: Migration
    owner: Migration | Operation
    value: object


@dataclasses.dataclass(frozen=True)
class Resolution:
    """
    The stage of a migration, its source, and the problems of the other stage.

    ``before`` is why it cannot run before the deploy (what the old version loses with
    it), ``after`` why not after it (what the new version lacks without it). Hazards may
    go wrong, but do not decide.
    """

    stage: Stage
    source: StageSource
    before: tuple[Problem, ...] = ()
    after: tuple[Problem, ...] = ()
    hazards_before: tuple[Problem, ...] = ()
    hazards_after: tuple[Problem, ...] = ()


def declared_stage(
    migration: Migration, owner: Migration | Operation | None = None
) -> Stage | None:
    """
    Return the ``stage`` of a migration or of one of its operations, if it has one.

    Raises InvalidStageError if it is no stage.
    """
    owner = migration if owner is None else owner
    stage = getattr(owner, "stage", None)
    if stage is None or (isinstance(stage, Stage) and stage):
        return stage
    raise InvalidStageError(migration, owner, stage)


def is_independent(migration: Migration) -> bool:
    """Tell whether the author declares that its order among others does not matter."""
    return getattr(migration, "run_independently", False) is True


def explicit(tracked: TrackedMigration, policy: Policy) -> Resolution | None:
    """Return the stage that is overridden or declared for a whole migration, if any."""
    stage, source = policy.override(tracked.migration), StageSource.OVERRIDE
    if stage is None:
        stage, source = declared_stage(tracked.migration), StageSource.DECLARED
    if stage is None:
        return None
    return Resolution(stage.reverse if tracked.backwards else stage, source)


def infer(tracked: TrackedMigration, schemas: SchemaPair) -> Resolution:
    """Return the stages in which a migration breaks neither code."""
    new = advance(schemas, tracked)

    def problems(code: Schema, database: Schema) -> list[Problem]:
        return incompatibilities(code, database, schemas.database, only=tracked.tables)

    known = set(problems(schemas.code, schemas.database))
    # If the new version does not run on the outcome either, no stage is right.
    unmet = [] if tracked.opaque else errors(problems(new.code, new.database))
    before = _new([*problems(schemas.code, new.database), *unmet], known)
    after = _new([*problems(new.code, schemas.database), *unmet], known)
    stage = Stage(0)
    if not errors(before):
        stage |= Stage.PRE_DEPLOY
    if not errors(after):
        stage |= Stage.POST_DEPLOY
    return Resolution(
        stage,
        StageSource.INFERRED,
        before=tuple(errors(before)),
        after=tuple(errors(after)),
        hazards_before=tuple(each for each in before if each.hazard),
        hazards_after=tuple(each for each in after if each.hazard),
    )


def _new(problems: list[Problem], known: Collection[Problem]) -> list[Problem]:
    """Return problems that were not there before, none of them twice."""
    return [each for each in dict.fromkeys(problems) if each not in known]


def declared_by_operations(
    tracked: TrackedMigration,
) -> tuple[Stage, tuple[Effect, ...]]:
    """Return the stage that operations declare together, and what those do."""
    stage = Stage.ANY
    effects = []
    for effect in tracked.effects:
        own = declared_stage(tracked.migration, effect.operation)
        if own is not None:
            stage &= own.reverse if tracked.backwards else own
            effects.append(effect)
    return stage, tuple(effects)


def resolve(
    tracked: TrackedMigration, schemas: SchemaPair, policy: Policy
) -> Resolution:
    """
    Return the stage of a migration that is applied to a schema.

    An override wins over a declaration, a declaration over inference, and a
    fallback is taken only where these find no stage.
    """
    resolution = explicit(tracked, policy) or _inferred(tracked, schemas)
    if resolution.stage:
        return resolution
    fallback = policy.fallback(tracked.migration)
    if fallback is None:
        return resolution
    stage = fallback.reverse if tracked.backwards else fallback
    return dataclasses.replace(resolution, stage=stage, source=StageSource.FALLBACK)


def _inferred(tracked: TrackedMigration, schemas: SchemaPair) -> Resolution:
    stage, effects = declared_by_operations(tracked)
    if not effects:
        return infer(tracked, schemas)
    rest = tracked.only(effect for effect in tracked.effects if effect not in effects)
    declared = tracked.only(effects)
    inferred = infer(rest, advance(schemas, declared))
    narrows = inferred.stage & stage != inferred.stage or not rest.effects
    source = StageSource.DECLARED if narrows else StageSource.INFERRED
    return dataclasses.replace(inferred, stage=inferred.stage & stage, source=source)


def advance(schemas: SchemaPair, tracked: TrackedMigration) -> SchemaPair:
    """Return what the code expects and what the database has after a migration."""
    return SchemaPair(
        tracked.code.apply(schemas.code), tracked.database.apply(schemas.database)
    )


def fold(patches: list[Patch], schema: Schema) -> Schema:
    """Return a schema after changes that follow each other."""
    for patch in patches:
        schema = patch.apply(schema)
    return schema
