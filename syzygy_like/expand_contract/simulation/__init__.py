"""How a database gets from old code to new code while both run on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract.bridge import OneOffs
from syzygy_like.expand_contract.change import Release
from syzygy_like.expand_contract.halves import completed, detect, settled
from syzygy_like.expand_contract.simulation.partial import Extent, Portion
from syzygy_like.expand_contract.simulation.refusals import NoHalvesError, Obstacle
from syzygy_like.expand_contract.simulation.reordering import commute
from syzygy_like.expand_contract.simulation.splitter import Trial, flattened
from syzygy_like.schema import ModelKey, Schema
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.names import targets
from syzygy_like.schema.tracking import Tracker

__all__ = ["Crossing", "Extent", "NoHalvesError", "Obstacle", "Portion"]

Key = tuple[str, str]


class Crossing:
    """
    Two states of a deploy: what its migrations say, and what has been built of it.

    Both begin as what the code now serving was made for. A migration that is carried
    out as a ``whole`` changes both alike. Of one that is taken in halves the
    ``first_half`` leads to what both codes can run on, and its ``second_half`` to what
    it says. A ``deferred`` one changes neither, until it is carried out.

    ``codes`` are the codes that may be serving. They are others where a deploy joins
    one that is under way.
    """

    def __init__(self, start: Tracker, reader: Reader):
        self.reader = reader
        self.old = start.state.clone()
        self.codes: Sequence[Schema] = (start.world.code,)
        self.written = start
        self.built = start.fork()
        self.deferred: list[Migration] = []
        self.halved: dict[Key, set[ModelKey]] = {}
        self.one_offs: OneOffs = {}
        self._tried: tuple[Trial, list[Operation]] | None = None

    @property
    def database(self) -> Schema:
        """What the database has."""
        return self.built.world.database

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
            for tracker in (self.written, self.built)
        )

    def outcome(self, migration: Migration) -> Schema:
        """Return what the database would have after a migration, as it is written."""
        self._tried = self._taken(migration)
        return self._tried[0].built.world.database

    def whole(self, migration: Migration) -> Portion:
        """Carry out a migration as it is written. Raises NoHalvesError."""
        tried, self._tried = self._tried, None
        if tried is None or tried[0].migration is not migration:
            tried = self._taken(migration)
        trial, operations = tried
        self._adopt(trial)
        return Portion(migration, Extent.WHOLE, operations)

    def _taken(self, migration: Migration) -> tuple[Trial, list[Operation]]:
        trial = self._trial(migration)
        taken = (trial.take(each) for each in migration.operations)
        return trial, [each for each in taken if each is not None]

    def first_half(self, migration: Migration) -> Portion:
        """Carry a migration out as far as both codes can run. Raises NoHalvesError."""
        trial = self._trial(migration)
        operations = [
            made for each in migration.operations for made in trial.loosen(each)
        ]
        self._adopt(trial)
        self.halved[_key(migration)] = trial.touched
        return Portion(migration, Extent.FIRST, operations)

    def second_half(self, migration: Migration) -> Portion:
        """Carry out what is left of a migration."""
        touched = self.halved.pop(_key(migration))
        operations = list(self._completing(migration.app_label, touched))
        for each in operations:
            self.reader.effect(self.built, migration.app_label, each)
        return Portion(migration, Extent.SECOND, operations)

    def _trial(self, migration: Migration) -> Trial:
        trial = Trial(migration, self.codes, self.written, self.built, self.reader)
        trial.one_offs.update(self.one_offs)
        return trial

    def _adopt(self, trial: Trial) -> None:
        self._tried = None
        self.written, self.built = trial.written, trial.built
        self.one_offs = trial.one_offs
        if trial.migration in self.deferred:
            self.deferred.remove(trial.migration)

    def _completing(
        self, app_label: str, models: Collection[ModelKey]
    ) -> Iterator[Operation]:
        """Yield what makes of some models, as they are built, what is written."""
        target = as_written(self.built.state, self.written.state, models)
        release = Release(self.old, target, self.reader.omission, self.one_offs)
        changes = completed(detect(self.built.state, target), release)
        yield from flattened(settled(changes, self.built.state, release), app_label)


def as_written(
    built: ProjectState, written: ProjectState, models: Collection[ModelKey]
) -> ProjectState:
    """Return a state with some models as they are written, others as they are built."""
    target = built.clone()
    queue = sorted(models)
    for key in queue:
        target.models.pop(key, None)
        if key in written.models:
            target.models[key] = written.models[key].clone()
    gone = {key for key in queue if key not in written.models}
    holders = [
        key
        for key, model in target.models.items()
        if not gone.isdisjoint(targets(model))
    ]
    if holders:  # what goes cannot be referred to any longer
        return as_written(target, written, holders)
    return target


def _key(migration: Migration) -> Key:
    return migration.app_label, migration.name
