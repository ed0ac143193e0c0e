"""Parts of migrations, each from what is built before it to what is built after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.executor.digests import effect
from syzygy_like.executor.record import Key
from syzygy_like.expand_contract.simulation import Crossing, Extent, Portion
from syzygy_like.schema import Schema


@dataclasses.dataclass(frozen=True)
class Leg:
    """
    A portion that is to be carried out, or back.

    ``before`` is what is built before it, ``after`` what is built after it, ``effect``
    tells what it does to the schema, whose ``tables`` it changes, and ``makes`` are the
    columns and tables that it adds. ``release`` is the number of the release that it is
    carried out for.
    """

    portion: Portion
    before: ProjectState
    after: ProjectState
    effect: str = ""
    tables: frozenset[str] = frozenset()
    makes: tuple[str, ...] = ()
    release: int = 1

    @property
    def key(self) -> Key:
        """App label and name of the migration."""
        return self.portion.app_label, self.portion.name

    @property
    def place(self) -> tuple[Key, Extent]:
        """What tells its entry from others of the record."""
        return self.key, self.portion.extent


def outward(
    crossing: Crossing, parts: Iterable[tuple[Migration, Extent | None]]
) -> Iterator[Leg]:
    """Yield what precedes a roll-out."""
    for migration, part in parts:
        if part is None:
            crossing.defer(migration)
        else:
            yield leg(crossing, migration, part)


def leg(crossing: Crossing, migration: Migration, part: Extent) -> Leg:
    """Carry out a part of a migration on a crossing."""
    before, database = crossing.built.state.clone(), crossing.database
    take: dict[Extent, Callable[[Migration], Portion]] = {
        Extent.WHOLE: crossing.whole,
        Extent.FIRST: crossing.first_half,
        Extent.SECOND: crossing.second_half,
        Extent.NOTHING: lambda migration: Portion(migration, Extent.NOTHING, []),
    }
    portion = take[part](migration)
    after, outcome = crossing.built.state.clone(), crossing.database
    return Leg(
        portion,
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
