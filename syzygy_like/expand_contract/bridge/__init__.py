"""The state of models that two versions of the code can both run on."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence

from django.db.migrations.state import ProjectState

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.bridge.locations import Place, TableIndex
from syzygy_like.expand_contract.bridge.merging import Part, StateMerge
from syzygy_like.expand_contract.bridge.refusals import obstacles
from syzygy_like.expand_contract.bridge.relaxing import FieldKey, OneOffs, Relaxer
from syzygy_like.schema import ColumnCache, Presence, Schema, Table, everywhere
from syzygy_like.schema.database_defaults import DatabaseDefaults

Tables = Mapping[str, Table]

__all__ = [
    "Bridge",
    "Codes",
    "FieldKey",
    "NoBridgeError",
    "OneOffs",
    "bridge",
    "mutual_problems",
]


class NoBridgeError(Exception):
    """
    There is no state that both codes can run on.

    ``problem`` is what one of them (the ``old`` one or not) always breaks. It is None
    where Django cannot get there: two models or fields want the same table or column,
    called ``name``, or a field cannot be altered.
    """

    def __init__(
        self, place: Place, problem: Problem | None, old: bool = True, name: str = ""
    ):
        super().__init__(place, problem, name)
        self.place = place
        self.problem = problem
        self.old = old
        self.name = name


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
    presence: Presence = everywhere,
    copied: Collection[FieldKey] = (),
    codes: Codes | None = None,
) -> Bridge:
    """
    Return the state that the code of two states can run on.

    Models and fields are told by their names: what was renamed has to have its new
    name in the old state too. ``one_offs`` are the values for rows that exist, by app
    label, model and field; ``copied`` are the fields that get theirs from another
    field. ``codes`` are the codes that have to run there if they are others than those
    of the two states. Neither state is changed. Raises NoBridgeError.
    """
    draft = StateMerge(old, new)
    loosener = Relaxer(
        draft, database_defaults or DatabaseDefaults(), one_offs or {}, copied
    )
    return _Builder(draft, loosener, presence, codes).build()


@dataclasses.dataclass(frozen=True)
class Codes:
    """
    What the codes expect, and which of their problems are nobody's concern.

    The ``old`` ones are those that may be serving.
    """

    old: Sequence[Schema]
    new: Schema
    tolerated: Collection[Problem] = ()


class _Builder:
    def __init__(
        self,
        draft: StateMerge,
        loosener: Relaxer,
        presence: Presence,
        codes: Codes | None = None,
    ):
        self.draft = draft
        self.loosener = loosener
        self.presence = presence
        self.unsigned = loosener.database_defaults.unsigned
        self.columns: ColumnCache = {}
        self.sides = {True: self._atlas(draft.old), False: self._atlas(draft.new)}
        old, new = (Schema(side.tables) for side in self.sides.values())
        self.codes = codes or Codes((old,), new)

    def _atlas(self, state: ProjectState) -> TableIndex:
        return TableIndex(state, self.presence, self.unsigned, self.columns)

    def build(self) -> Bridge:
        """Take back what one of the codes cannot bear, until nothing is left."""
        for place, name in obstacles(self.sides[True], self.sides[False]):
            raise NoBridgeError(place, None, name=name)
        while True:
            state = self.draft.state()
            between = self._atlas(state)
            problems = list(self._problems(between))
            if not problems:
                return Bridge(state, self.draft.mixed)
            self._take_back(between, problems)

    def _problems(self, between: TableIndex) -> Iterator[tuple[bool, Problem]]:
        codes = self.codes
        for old, each in _misfits(codes.old, codes.new, between.tables):
            if each in codes.tolerated:
                continue
            if avoidable([each]) or self._is_copied(between, old, each):
                yield old, each

    def _is_copied(self, between: TableIndex, old: bool, problem: Problem) -> bool:
        """Tell of what protects whether it gets values that may refer to nothing."""
        if problem.rule != "protected-delete":
            return False
        place = self._place(between, old, problem)
        return (*place.key, place.field) in self.loosener.copied

    def _take_back(
        self, between: TableIndex, problems: list[tuple[bool, Problem]]
    ) -> None:
        """Take back a little of each part that is in the way."""
        changed: set[Part] = set()
        for old, problem in problems:
            place = self._place(between, old, problem)
            field = (*place.key, place.field)
            new_migration = (*field, place.constraint)
            around: list[Part] = [place.key[:1], place.key, field, new_migration]
            if not changed.isdisjoint(around):
                continue  # which may have mended this too
            changed.add(self.draft.whole(place) or new_migration)
            if not self._give_way(between, place, problem):
                raise NoBridgeError(place, problem, old)

    def _place(self, between: TableIndex, old: bool, problem: Problem) -> Place:
        detail = "" if problem.column else problem.detail
        atlases = (between, self.sides[old])
        found = [
            atlas.place(problem.table, problem.column, detail) for atlas in atlases
        ]
        places = [place for place in found if place is not None]
        # One of the two has the table, but where it is lacking not the column.
        return next((place for place in places if place.field), places[0])

    def _give_way(self, between: TableIndex, place: Place, problem: Problem) -> bool:
        """Take another version of what breaks a rule; tell whether there was one."""
        whole = self.draft.whole(place)
        if whole is not None:
            self.draft.fall_back(whole)
            return True
        if place.constraint:
            return self.draft.drop(place.key, place.constraint)
        model = between.state.models.get(place.key)
        field = model.fields.get(place.field) if model else None
        if model is None or field is None:
            return False
        loosened = self.loosener.field(problem.rule, place, field, model)
        if loosened is None or loosened.deconstruct()[1:] == field.deconstruct()[1:]:
            return False
        self.draft.edit(place.key, place.field, loosened)
        return True


def mutual_problems(
    olds: Sequence[Schema], new: Schema, database: Tables
) -> Iterator[Problem]:
    """Yield what codes cannot do on a database between them, and hazards."""
    return (problem for _, problem in _misfits(olds, new, database))


def _misfits(
    olds: Sequence[Schema], new: Schema, database: Tables
) -> Iterator[tuple[bool, Problem]]:
    """Yield what codes cannot do, and whether it is an old one."""
    # Between two migrations there is a new code that still knows what is about
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
    old_codes = [(True, old) for old in olds]
    for is_old, code in (*old_codes, (False, new), (False, leaving)):
        # A table that is the same on both sides is no problem.
        names = {**code.tables, **database}
        differing = [
            name for name in names if code.tables.get(name) != database.get(name)
        ]
        found = incompatibilities(code, Schema(database), before=known, only=differing)
        yield from ((is_old, each) for each in found)
