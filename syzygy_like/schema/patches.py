"""Changes of a schema, which can be applied to another one and undone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

from syzygy_like.schema.tables import Schema, Table

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Patch:
    """Tables by name, as they were before a change and as they are after it."""

    changes: Mapping[str, tuple[Table | None, Table | None]] = dataclasses.field(
        default_factory=dict
    )

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def tables(self) -> frozenset[str]:
        """The names of the tables that change."""
        return frozenset(self.changes)

    @property
    def inverse(self) -> Patch:
        """The change that undoes this one."""
        return Patch({name: (new, old) for name, (old, new) in self.changes.items()})

    def then(self, later: Patch) -> Patch:
        """Return this change and a later one as a single change."""
        changes = dict(self.changes)
        for name, (old, new) in later.changes.items():
            first = changes[name][0] if name in changes else old
            changes[name] = (first, new)
        return Patch(
            {name: both for name, both in changes.items() if both[0] != both[1]}
        )

    def apply(self, schema: Schema) -> Schema:
        """
        Return the schema after this change.

        A table that is not quite the one that the change was made for keeps what
        it has of its own.
        """
        tables = dict(schema.tables)
        for name, (old, new) in self.changes.items():
            current = tables.pop(name, None)
            if new is None:
                continue
            if old is None or current is None or current == old:
                tables[name] = new
            else:
                tables[name] = _merge(current, old, new)
        return Schema(tables)


def join(patches: Iterable[Patch]) -> Patch:
    """Return changes that follow each other as a single change."""
    joined = Patch()
    for patch in patches:
        joined = joined.then(patch)
    return joined


def _merge(current: Table, old: Table, new: Table) -> Table:
    constraints = (current.constraints - (old.constraints - new.constraints)) | (
        new.constraints - old.constraints
    )
    changed_key = old.primary_key != new.primary_key
    return dataclasses.replace(
        new,
        columns=_merge_mappings(current.columns, old.columns, new.columns),
        primary_key=new.primary_key if changed_key else current.primary_key,
        constraints=constraints,
    )


def _merge_mappings(
    current: Mapping[str, T], old: Mapping[str, T], new: Mapping[str, T]
) -> dict[str, T]:
    kept = {
        name: item for name, item in current.items() if name in new or name not in old
    }
    changed = {name: item for name, item in new.items() if old.get(name) != item}
    return {**kept, **changed}
