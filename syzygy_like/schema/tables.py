"""The physical schema: what a database has, or what code takes for granted."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from syzygy_like.schema.types import ColumnType


@dataclasses.dataclass(frozen=True)
class Default:
    """A default that the database itself fills in."""

    value: Hashable
    unique: bool = False  # every call gives another value


@dataclasses.dataclass(frozen=True)
class Reference:
    """
    A relation to a column of another table.

    ``constraint`` tells whether the database enforces it, ``on_delete`` what the
    database itself then does to a row whose target goes ("CASCADE"...), if
    anything. It ``protects`` its target if the code that has it does not want that
    deleted, of which the database knows nothing.
    """

    table: str
    column: str
    constraint: bool = True
    on_delete: str | None = None
    protects: bool = dataclasses.field(default=False, compare=False)

    def same_target(self, other: Reference) -> bool:
        """Tell whether both refer to the same column."""
        return (self.table, self.column) == (other.table, other.column)

    def enforces(self, table: str) -> bool:
        """Tell whether the database has it refer to rows of this table."""
        return self.constraint and self.table == table


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table. ``field`` is its name in the models."""

    name: str
    type: ColumnType
    null: bool = False
    default: Default | None = None
    generated: Hashable = None
    auto: bool = False
    collation: str | None = None
    reference: Reference | None = None
    field: str = dataclasses.field(default="", compare=False)

    @property
    def omittable(self) -> bool:
        """Whether INSERT may leave the column out."""
        return bool(self.null or self.default or self.auto or self.generated)

    @property
    def starts_null(self) -> bool:
        """Whether the column is NULL in a row whose INSERT leaves it out."""
        return self.null and not (self.default or self.auto or self.generated)


@dataclasses.dataclass(frozen=True)
class Constraint:
    """
    A rule on the rows of a table beyond those of its single columns.

    ``kind`` is "unique", "check", "exclusion" or the class of a constraint that is
    not known. ``columns`` are all that it reads, ``key`` what makes it what it is:
    two constraints with the same key accept the same rows; ``rule`` is the condition
    of a check. ``optional`` is one that some databases do not make at all.
    """

    kind: str
    columns: frozenset[str]
    key: Hashable = None
    condition: Hashable = None
    nulls_distinct: bool = True
    deferrable: bool = False
    tests_null: bool = False
    rule: Hashable = None
    optional: bool = False
    name: str = dataclasses.field(default="", compare=False)

    @property
    def plain(self) -> bool:
        """Whether it is a unique constraint over columns, not expressions."""
        return self.kind == "unique" and self.key is None

    def _is_namesake(self, other: Constraint) -> bool:
        """
        Tell whether the other one has the same name, and one of them is raw SQL.

        What SQL says cannot be compared with what models say, so two of one
        name are taken for the same.
        """
        of_sql = any(
            isinstance(part, tuple) and part[:1] == ("sql",)
            for each in (self, other)
            for part in (each.key, each.condition)
        )
        named_alike = self.name == other.name != ""
        return of_sql and named_alike and self.kind == other.kind

    def implies(self, other: Constraint) -> bool:
        """Tell whether rows that this accepts are always accepted by the other."""
        if self._is_namesake(other):
            return True
        if not (self.plain and other.plain):
            return self == other
        return self == other or (
            not self.optional
            and self.columns <= other.columns
            and self.condition in (None, other.condition)
            and (other.nulls_distinct or not self.nulls_distinct)
            and (other.deferrable or not self.deferrable)
        )


@dataclasses.dataclass(frozen=True)
class Table:
    """
    A table. ``label`` is the name of its model.

    An ``external`` table belongs to an unmanaged model: migrations neither make
    nor change it, so it counts as compatible with any code.
    """

    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()
    constraints: frozenset[Constraint] = frozenset()
    external: bool = False
    label: str = dataclasses.field(default="", compare=False)

    def references_to(self, name: str) -> Iterator[Reference]:
        """Yield the references to a table that the database enforces."""
        for column in self.columns.values():
            if column.reference and column.reference.enforces(name):
                yield column.reference

    def of_kind(self, kind: str) -> Iterable[Constraint]:
        """Return the constraints of a kind, in a stable order."""
        found = (each for each in self.constraints if each.kind == kind)
        return sorted(found, key=lambda each: (sorted(each.columns), repr(each)))


@dataclasses.dataclass(frozen=True)
class Schema:
    """Tables by name."""

    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)

    def differing(self, other: Schema) -> frozenset[str]:
        """Return the names of the tables that differ in another schema."""
        mine, others = self.tables, other.tables
        names = {**mine, **others}
        pairs = ((name, mine.get(name), others.get(name)) for name in names)
        return frozenset(n for n, one, two in pairs if one is not two and one != two)


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
