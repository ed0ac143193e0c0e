"""How a database gets from the old version to the new one while both run on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.expand_contract.bridge import OneOffs
from syzygy_like.expand_contract.change import ModelChange
from syzygy_like.expand_contract.parts import complete, detect, settle
from syzygy_like.expand_contract.simulation.partial import Part, PartialMigration
from syzygy_like.expand_contract.simulation.splitter import OperationSplitter, flatten
from syzygy_like.schema import ModelKey, Schema
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.names import targets
from syzygy_like.schema.tracking import Tracker

Key = tuple[str, str]


class DeployState:
    """
    Two states of a deploy: what its migrations declare, and what has been applied.

    Both begin as what the old version was made for. A migration that is applied whole
    changes both alike. Of one that is applied in parts the expand part leads to what
    both versions can run on, the contract part to what the migration declares. A
    ``deferred`` one changes neither, until it is applied.

    ``serving`` are the schemas of the versions that may be serving. They are others
    where a deploy joins one that is under way.
    """

    def __init__(self, start: Tracker, reader: Reader):
        self.reader = reader
        self.old = start.state.clone()
        self.serving: Sequence[Schema] = (start.schemas.code,)
        self.declared = start
        self.applied = start.fork()
        self.deferred: list[Migration] = []
        self.expanded: dict[Key, set[ModelKey]] = {}
        self.one_offs: OneOffs = {}
        self._last: tuple[OperationSplitter, list[Operation]] | None = None

    @property
    def database(self) -> Schema:
        """What the database has."""
        return self.applied.schemas.database

    def join(self, serving: Sequence[Schema], reader: Reader) -> None:
        """Go on with another deploy, while other versions may be serving."""
        self.serving, self.reader = serving, reader

    def defer(self, migration: Migration) -> None:
        """Leave a migration for later."""
        self.deferred.append(migration)

    def may_overtake(self, migration: Migration, others: Collection[Key]) -> bool:
        """
        Tell whether a migration may be applied before deferred ones.

        Those are the ``others`` that it depends on, if only by their number.
        """
        earlier = [each for each in self.deferred if _key(each) in others]
        return all(
            commute(tracker, self.reader, earlier, migration)
            for tracker in (self.declared, self.applied)
        )

    def outcome(self, migration: Migration) -> Schema:
        """Return what the database would have after the whole migration."""
        self._last = self._take(migration)
        return self._last[0].applied.schemas.database

    def apply_whole(self, migration: Migration) -> PartialMigration:
        """Apply a migration as it is declared. Raises CannotSplitError."""
        last, self._last = self._last, None
        if last is None or last[0].migration is not migration:
            last = self._take(migration)
        splitter, operations = last
        self._adopt(splitter)
        return PartialMigration(migration, Part.WHOLE, operations)

    def _take(self, migration: Migration) -> tuple[OperationSplitter, list[Operation]]:
        splitter = self._splitter(migration)
        taken = (splitter.take(each) for each in migration.operations)
        return splitter, [each for each in taken if each is not None]

    def expand(self, migration: Migration) -> PartialMigration:
        """Apply the expand part: as far as both can run. Raises CannotSplitError."""
        splitter = self._splitter(migration)
        operations = [
            made for each in migration.operations for made in splitter.expand(each)
        ]
        self._adopt(splitter)
        self.expanded[_key(migration)] = splitter.touched
        return PartialMigration(migration, Part.EXPAND, operations)

    def contract(self, migration: Migration) -> PartialMigration:
        """Apply the contract part: what is left of a migration."""
        touched = self.expanded.pop(_key(migration))
        operations = list(self._operations_left(migration.app_label, touched))
        for each in operations:
            self.reader.effect(self.applied, migration.app_label, each)
        return PartialMigration(migration, Part.CONTRACT, operations)

    def _splitter(self, migration: Migration) -> OperationSplitter:
        splitter = OperationSplitter(
            migration, self.serving, self.declared, self.applied, self.reader
        )
        splitter.one_offs.update(self.one_offs)
        return splitter

    def _adopt(self, splitter: OperationSplitter) -> None:
        self._last = None
        self.declared, self.applied = splitter.declared, splitter.applied
        self.one_offs = splitter.one_offs
        if splitter.migration in self.deferred:
            self.deferred.remove(splitter.migration)

    def _operations_left(
        self, app_label: str, models: Collection[ModelKey]
    ) -> Iterator[Operation]:
        """Yield what makes of some models, as they are applied, what is declared."""
        target = as_declared(self.applied.state, self.declared.state, models)
        model_change = ModelChange(
            self.old, target, self.reader.database_defaults, self.one_offs
        )
        changes = complete(detect(self.applied.state, target), model_change)
        yield from flatten(settle(changes, self.applied.state, model_change), app_label)


def as_declared(
    applied: ProjectState, declared: ProjectState, models: Collection[ModelKey]
) -> ProjectState:
    """Return a state with some models as declared, and others as applied."""
    target = applied.clone()
    queue = sorted(models)
    for key in queue:
        target.models.pop(key, None)
        if key in declared.models:
            target.models[key] = declared.models[key].clone()
    gone = {key for key in queue if key not in declared.models}
    holders = [
        key
        for key, model in target.models.items()
        if not gone.isdisjoint(targets(model))
    ]
    if holders:  # what goes cannot be referred to any longer
        return as_declared(target, declared, holders)
    return target


def _key(migration: Migration) -> Key:
    return migration.app_label, migration.name


# Options that are lists, but whose order makes no difference.
UNORDERED = ("constraints", "indexes")


def commute(
    start: Tracker, reader: Reader, earlier: Sequence[Migration], later: Migration
) -> bool:
    """
    Tell whether a migration and a chain before it lead to the same in both orders.

    That is the same state and the same schemas. Where one order is not possible the
    answer is no.
    """
    try:
        one = _after(start, reader, [*earlier, later])
        other = _after(start, reader, [later, *earlier])
    except Exception:  # whatever an operation raises that has come too early
        return False
    return one.schemas == other.schemas and same_state(one.state, other.state)


def _after(start: Tracker, reader: Reader, migrations: Iterable[Migration]) -> Tracker:
    tracker = start.fork()
    known = _dangling(tracker.state)
    for migration in migrations:
        reader.read(tracker, migration)
        if missing := _dangling(tracker.state) - known:
            raise LookupError(missing)
    return tracker


def _dangling(state: ProjectState) -> set[ModelKey]:
    """Return the models that others refer to, and that are not there."""
    referred = {each for model in state.models.values() for each in targets(model)}
    return {each for each in referred if each not in state.models}


def same_state(one: ProjectState, other: ProjectState) -> bool:
    """Tell whether two states have the same models, in whatever order."""
    if set(one.models) != set(other.models):
        return False
    return all(
        _same_model(model, other.models[key]) for key, model in one.models.items()
    )


def _same_model(one: ModelState, other: ModelState) -> bool:
    if one is other:
        return True
    one, other = one.clone(), other.clone()
    for model in (one, other):
        for option in UNORDERED:
            if option in model.options:
                named = sorted(model.options[option], key=lambda each: each.name or "")
                model.options[option] = named
    return bool(one == other)
