"""How a database gets from old code to new code while both run on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract.bridge import OneOffs
from syzygy_like.expand_contract.change import ModelChange
from syzygy_like.expand_contract.halves import completed, detect, settled
from syzygy_like.expand_contract.simulation.partial import Part, PartialMigration
from syzygy_like.expand_contract.simulation.refusals import NoHalvesError, Obstacle
from syzygy_like.expand_contract.simulation.reordering import commute
from syzygy_like.expand_contract.simulation.splitter import OperationSplitter, flattened
from syzygy_like.schema import ModelKey, Schema
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.names import targets
from syzygy_like.schema.tracking import Tracker

__all__ = ["DeployState", "NoHalvesError", "Obstacle", "Part", "PartialMigration"]

Key = tuple[str, str]


class DeployState:
    """
    Two states of a deploy: what its migrations say, and what has been built of it.

    Both begin as what the code now serving was made for. A migration that is carried
    out as a ``whole`` changes both alike. Of one that is taken in halves the
    ``expand_part`` leads to what both codes can run on, and its ``contract_part`` to
    what it says. A ``deferred`` one changes neither, until it is carried out.

    ``codes`` are the codes that may be serving. They are others where a deploy joins
    one that is under way.
    """

    def __init__(self, start: Tracker, reader: Reader):
        self.reader = reader
        self.old = start.state.clone()
        self.codes: Sequence[Schema] = (start.schemas.code,)
        self.declared = start
        self.applied = start.fork()
        self.deferred: list[Migration] = []
        self.halved: dict[Key, set[ModelKey]] = {}
        self.one_offs: OneOffs = {}
        self._tried: tuple[OperationSplitter, list[Operation]] | None = None

    @property
    def database(self) -> Schema:
        """What the database has."""
        return self.applied.schemas.database

    def join(self, codes: Sequence[Schema], reader: Reader) -> None:
        """Go on with another deploy, while other codes may be serving."""
        self.codes, self.reader = codes, reader

    def defer(self, migration: Migration) -> None:
        """Leave a migration for later."""
        self.deferred.append(migration)

    def lets_pass(self, migration: Migration, others: Collection[Key]) -> bool:
        """
        Tell whether a migration may be carried out before deferred ones.

        Those are the ``others`` that it depends on, if only by their number.
        """
        earlier = [each for each in self.deferred if _key(each) in others]
        return all(
            commute(tracker, self.reader, earlier, migration)
            for tracker in (self.declared, self.applied)
        )

    def outcome(self, migration: Migration) -> Schema:
        """Return what the database would have after a migration, as it is written."""
        self._tried = self._taken(migration)
        return self._tried[0].applied.schemas.database

    def whole(self, migration: Migration) -> PartialMigration:
        """Carry out a migration as it is written. Raises NoHalvesError."""
        tried, self._tried = self._tried, None
        if tried is None or tried[0].migration is not migration:
            tried = self._taken(migration)
        splitter, operations = tried
        self._adopt(splitter)
        return PartialMigration(migration, Part.WHOLE, operations)

    def _taken(self, migration: Migration) -> tuple[OperationSplitter, list[Operation]]:
        splitter = self._trial(migration)
        taken = (splitter.take(each) for each in migration.operations)
        return splitter, [each for each in taken if each is not None]

    def expand_part(self, migration: Migration) -> PartialMigration:
        """Carry a migration out as far as both codes can run. Raises NoHalvesError."""
        splitter = self._trial(migration)
        operations = [
            made for each in migration.operations for made in splitter.expand(each)
        ]
        self._adopt(splitter)
        self.halved[_key(migration)] = splitter.touched
        return PartialMigration(migration, Part.EXPAND, operations)

    def contract_part(self, migration: Migration) -> PartialMigration:
        """Carry out what is left of a migration."""
        touched = self.halved.pop(_key(migration))
        operations = list(self._completing(migration.app_label, touched))
        for each in operations:
            self.reader.effect(self.applied, migration.app_label, each)
        return PartialMigration(migration, Part.CONTRACT, operations)

    def _trial(self, migration: Migration) -> OperationSplitter:
        splitter = OperationSplitter(
            migration, self.codes, self.declared, self.applied, self.reader
        )
        splitter.one_offs.update(self.one_offs)
        return splitter

    def _adopt(self, splitter: OperationSplitter) -> None:
        self._tried = None
        self.declared, self.applied = splitter.declared, splitter.applied
        self.one_offs = splitter.one_offs
        if splitter.migration in self.deferred:
            self.deferred.remove(splitter.migration)

    def _completing(
        self, app_label: str, models: Collection[ModelKey]
    ) -> Iterator[Operation]:
        """Yield what makes of some models, as they are built, what is written."""
        target = as_declared(self.applied.state, self.declared.state, models)
        model_change = ModelChange(
            self.old, target, self.reader.database_defaults, self.one_offs
        )
        changes = completed(detect(self.applied.state, target), model_change)
        yield from flattened(
            settled(changes, self.applied.state, model_change), app_label
        )


def as_declared(
    applied: ProjectState, declared: ProjectState, models: Collection[ModelKey]
) -> ProjectState:
    """Return a state with some models as they are written, others as they are built."""
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
