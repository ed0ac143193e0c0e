"""The state of models that two versions of the code can both run on."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence

from django.db.migrations.state import ProjectState

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.bridge.locations import Location, TableIndex, clashes
from syzygy_like.expand_contract.bridge.merging import Element, StateMerge
from syzygy_like.expand_contract.bridge.relaxing import FieldKey, OneOffs, Relaxer
from syzygy_like.schema import ColumnCache, HasTable, Schema, Table, always
from syzygy_like.schema.database_defaults import DatabaseDefaults

Tables = Mapping[str, Table]


@dataclasses.dataclass(eq=False)
class NoBridgeError(Exception):
    """
    There is no state that both versions can run on.

    ``problem`` is what one of them (the ``old`` one or not) always breaks. It is None
    where Django cannot get there: two models or fields want the same table or column,
    called ``name``, or a field cannot be altered.
    """

    location: Location
    problem: Problem | None
    old: bool = True
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Bridge:
    """
    A state between two others, and the labels of the apps that differ from both.

    An app that is not ``mixed`` is either the old or the new one.
    """

    state: ProjectState
    mixed: frozenset[str] = frozenset()


def bridge(
    old: ProjectState,
    new: ProjectState,
    database_defaults: DatabaseDefaults | None = None,
    one_offs: OneOffs | None = None,
    has_table: HasTable = always,
    copied: Collection[FieldKey] = (),
    versions: Versions | None = None,
) -> Bridge:
    """
    Return the state that the versions of two states can both run on.

    Models and fields are told by their names: what was renamed has to have its new
    name in the old state too. ``one_offs`` are the values for rows that exist, by app
    label, model and field; ``copied`` are the fields that get theirs from another
    field. ``versions`` are those that have to run there if they are others than the
    two states'. Neither state is changed. Raises NoBridgeError.
    """
    merge = StateMerge(old, new)
    relaxer = Relaxer(
        merge, database_defaults or DatabaseDefaults(), one_offs or {}, copied
    )
    return _BridgeSearch(merge, relaxer, has_table, versions).build()


@dataclasses.dataclass(frozen=True)
class Versions:
    """
    What the versions expect, and which of their problems are ``tolerated``.

    The ``old`` ones are those that may be serving.
    """

    old: Sequence[Schema]
    new: Schema
    tolerated: Collection[Problem] = ()


class _BridgeSearch:
    """Relaxes a merge of two states until both versions run on it."""

    def __init__(
        self,
        merge: StateMerge,
        relaxer: Relaxer,
        has_table: HasTable,
        versions: Versions | None = None,
    ):
        self.merge = merge
        self.relaxer = relaxer
        self.has_table = has_table
        self.unsigned = relaxer.database_defaults.unsigned
        self.columns: ColumnCache = {}
        self.sides = {True: self._index(merge.old), False: self._index(merge.new)}
        old, new = (Schema(side.tables) for side in self.sides.values())
        self.versions = versions or Versions((old,), new)

    def _index(self, state: ProjectState) -> TableIndex:
        return TableIndex(state, self.has_table, self.unsigned, self.columns)

    def build(self) -> Bridge:
        """Relax what one of the versions cannot run on, until both run."""
        for location, name in clashes(self.sides[True], self.sides[False]):
            raise NoBridgeError(location, None, name=name)
        while True:
            state = self.merge.state()
            between = self._index(state)
            problems = list(self._problems(between))
            if not problems:
                return Bridge(state, self.merge.mixed)
            self._relax(between, problems)

    def _problems(self, between: TableIndex) -> Iterator[tuple[bool, Problem]]:
        versions = self.versions
        for old, each in _mutual_problems(versions.old, versions.new, between.tables):
            if each in versions.tolerated:
                continue
            if avoidable([each]) or self._is_copied(between, old, each):
                yield old, each

    def _is_copied(self, between: TableIndex, old: bool, problem: Problem) -> bool:
        """Tell whether what protects gets values that may refer to nothing."""
        if problem.rule != "protected-delete":
            return False
        location = self._location(between, old, problem)
        return (*location.key, location.field) in self.relaxer.copied

    def _relax(self, between: TableIndex, problems: list[tuple[bool, Problem]]) -> None:
        """Relax a little of each element that is in the way."""
        changed: set[Element] = set()
        for old, problem in problems:
            location = self._location(between, old, problem)
            field = (*location.key, location.field)
            element = (*field, location.constraint)
            around: list[Element] = [location.key[:1], location.key, field, element]
            if not changed.isdisjoint(around):
                continue  # which may have fixed this too
            changed.add(self.merge.whole(location) or element)
            if not self._relax_at(between, location, problem):
                raise NoBridgeError(location, problem, old)

    def _location(self, between: TableIndex, old: bool, problem: Problem) -> Location:
        detail = "" if problem.column else problem.detail
        indexes = (between, self.sides[old])
        found = [
            index.locate(problem.table, problem.column, detail) for index in indexes
        ]
        locations = [location for location in found if location is not None]
        # One of the two has the table, but where it is lacking not the column.
        return next(
            (location for location in locations if location.field), locations[0]
        )

    def _relax_at(
        self, between: TableIndex, location: Location, problem: Problem
    ) -> bool:
        """Take another variant of what breaks a rule; tell whether there was one."""
        whole = self.merge.whole(location)
        if whole is not None:
            self.merge.fall_back(whole)
            return True
        if location.constraint:
            return self.merge.drop(location.key, location.constraint)
        model = between.state.models.get(location.key)
        field = model.fields.get(location.field) if model else None
        if model is None or field is None:
            return False
        relaxed = self.relaxer.field(problem.rule, location, field, model)
        if relaxed is None or relaxed.deconstruct()[1:] == field.deconstruct()[1:]:
            return False
        self.merge.edit(location.key, location.field, relaxed)
        return True


def mutual_problems(
    olds: Sequence[Schema], new: Schema, database: Tables
) -> Iterator[Problem]:
    """Yield what versions cannot do on a database between them, and hazards."""
    return (problem for _, problem in _mutual_problems(olds, new, database))


def _mutual_problems(
    olds: Sequence[Schema], new: Schema, database: Tables
) -> Iterator[tuple[bool, Problem]]:
    """Yield what versions cannot do, and whether it is an old one."""
    # Between two migrations there is a new version that still knows what is about
    # to go: it has to be able to delete rows there.
    going = {
        name: old.tables[name]
        for old in olds
        for name in database
        if name in old.tables
    }
    leaving = Schema({**going, **new.tables})
    # What there are rows of.
    known = Schema({name: each for old in olds for name, each in old.tables.items()})
    old_versions = [(True, old) for old in olds]
    for is_old, code in (*old_versions, (False, new), (False, leaving)):
        # A table that is the same on both sides is no problem.
        names = {**code.tables, **database}
        differing = [
            name for name in names if code.tables.get(name) != database.get(name)
        ]
        found = incompatibilities(code, Schema(database), before=known, only=differing)
        yield from ((is_old, each) for each in found)
