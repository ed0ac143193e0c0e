"""Parts of migrations, each from what is built before it to what is built after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.executor.digests import effect
from syzygy_like.executor.record import Key
from syzygy_like.expand_contract.simulation import DeployState, Part, PartialMigration
from syzygy_like.schema import Schema


@dataclasses.dataclass(frozen=True)
class DeployStep:
    """
    A portion that is to be carried out, or back.

    ``before`` is what is built before it, ``after`` what is built after it, ``effect``
    tells what it does to the schema, whose ``tables`` it changes, and ``makes`` are the
    columns and tables that it adds. ``release`` is the number of the release that it is
    carried out for.
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
        """What tells its entry from others of the record."""
        return self.key, self.partial.part


def expand_steps(
    deploy_state: DeployState, parts: Iterable[tuple[Migration, Part | None]]
) -> Iterator[DeployStep]:
    """Yield what precedes a roll-out."""
    for migration, part in parts:
        if part is None:
            deploy_state.defer(migration)
        else:
            yield step(deploy_state, migration, part)


def step(deploy_state: DeployState, migration: Migration, part: Part) -> DeployStep:
    """Carry out a part of a migration on a crossing."""
    before, database = deploy_state.applied.state.clone(), deploy_state.database
    take: dict[Part, Callable[[Migration], PartialMigration]] = {
        Part.WHOLE: deploy_state.whole,
        Part.EXPAND: deploy_state.expand_part,
        Part.CONTRACT: deploy_state.contract_part,
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
