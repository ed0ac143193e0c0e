"""The steps of a deploy: a part of a migration, the state before it and after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from django.db import models
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.executor.digests import effect
from syzygy_like.executor.errors import LostRowsError
from syzygy_like.executor.record import Key
from syzygy_like.expand_contract.simulation import DeployState, Part, PartialMigration
from syzygy_like.expand_contract.simulation.rows import fields_without_values, fit_rows
from syzygy_like.schema import Schema


@dataclasses.dataclass(frozen=True)
class DeployStep:
    """
    A part of a migration that is to be carried out, or undone.

    ``before`` is the applied state before it, ``after`` the one after it. ``effect``
    identifies what it does to the schema, ``tables`` are those that it changes, and
    ``makes`` the columns and tables that it adds. ``release`` is the number of the
    release that it is carried out for.
    """

    partial: PartialMigration
    before: ProjectState
    after: ProjectState
    effect: str = ""
    tables: frozenset[str] = frozenset()
    makes: tuple[str, ...] = ()
    release: int = 1

    @property
    def key(self) -> Key:
        """App label and name of the migration."""
        return self.partial.app_label, self.partial.name

    @property
    def place(self) -> tuple[Key, Part]:
        """What identifies its entry in the record."""
        return self.key, self.partial.part


def expand_steps(
    deploy_state: DeployState, parts: Iterable[tuple[Migration, Part | None]]
) -> Iterator[DeployStep]:
    """Yield the steps before a roll-out; a part of None is deferred."""
    for migration, part in parts:
        if part is None:
            deploy_state.defer(migration)
        else:
            yield make_step(deploy_state, migration, part)


def make_step(
    deploy_state: DeployState, migration: Migration, part: Part
) -> DeployStep:
    """
    Return the step that carries out a part of a migration.

    The deploy state is the one after it then. Raises CannotSplitError.
    """
    before, database = deploy_state.applied.state.clone(), deploy_state.database
    take: dict[Part, Callable[[Migration], PartialMigration]] = {
        Part.WHOLE: deploy_state.apply_whole,
        Part.EXPAND: deploy_state.expand,
        Part.CONTRACT: deploy_state.contract,
        Part.NOTHING: lambda migration: PartialMigration(migration, Part.NOTHING, []),
    }
    partial = take[part](migration)
    after, outcome = deploy_state.applied.state.clone(), deploy_state.database
    return DeployStep(
        partial,
        before,
        after,
        effect(database, outcome),
        database.differing(outcome),
        tuple(added(database, outcome)),
    )


def added(before: Schema, after: Schema) -> Iterator[str]:
    """Yield the tables that are added to a schema, and the columns of others."""
    for name, table in after.tables.items():
        old = before.tables.get(name)
        if old is None:
            yield name
        elif old is not table:
            yield from (
                f"{name}.{each}" for each in table.columns if each not in old.columns
            )


def refuse_to_lose(
    alias: str,
    start: ProjectState,
    end: ProjectState,
    deploy_state: DeployState,
    again: bool = False,
) -> None:
    """Raise LostRowsError if rows have no value for a field that the end requires."""
    defaults, one_offs = deploy_state.reader.database_defaults, deploy_state.one_offs
    for app_label, model_name, name in fields_without_values(
        start, end, defaults, one_offs
    ):
        model = start.apps.get_model(app_label, model_name)
        rows = models.QuerySet[models.Model](model, using=alias)
        if count := rows.filter(**{name: None}).count():
            raise LostRowsError(model._meta.label, name, count, again)


def with_rows(step: DeployStep, deploy_state: DeployState) -> DeployStep:
    """Return a step that makes the rows fit the state before it when it is undone."""
    database_defaults = deploy_state.reader.database_defaults
    more = fit_rows(step.before, step.after, database_defaults, step.partial.app_label)
    operations = [*step.partial.operations, *more]
    partial = PartialMigration(step.partial.migration, step.partial.part, operations)
    return dataclasses.replace(step, partial=partial)
