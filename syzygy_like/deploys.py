"""A deploy that is under way: what is carried out, and what is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

from syzygy_like.conflicts import Fault, InvalidEntryError
from syzygy_like.crossing import Crossing, Portion
from syzygy_like.crossing import Extent as Part
from syzygy_like.history import History, Key
from syzygy_like.journal import digest
from syzygy_like.ledger import Extent, Ledger, Progress
from syzygy_like.placements import Placement, StagedPlan
from syzygy_like.planner import plan_pre_deploy
from syzygy_like.resolver import Policy
from syzygy_like.tracking import Tracker

# How much of a migration is carried out before the roll-out, if anything.
PARTS = {Extent.WHOLE: Part.WHOLE, Extent.HALF: Part.FIRST, Extent.NOTHING: None}
EXTENTS = {part: extent for extent, part in PARTS.items()}


@dataclasses.dataclass(frozen=True)
class Leg:
    """
    A portion that is to be carried out, or back.

    ``before`` is what is built before it, ``after`` what is built after it.
    """

    portion: Portion
    before: ProjectState
    after: ProjectState

    @property
    def key(self) -> Key:
        """App label and name of the migration."""
        return self.portion.app_label, self.portion.name


class Deploy:
    """What the ledger says, together with the files."""

    def __init__(self, history: History, ledger: Ledger):
        self.history = history
        self.ledger = ledger
        self.entries = ledger.entries()
        # Django's history, kept up to date as migrations are carried out.
        self.recorded = set(history.loader.applied_migrations)
        for entry in self.entries:
            self._check(entry)

    def _check(self, entry: Any) -> None:
        """Raise InvalidEntryError if an entry is not what it was."""
        if entry.key not in self.history.loader.graph.nodes:
            raise InvalidEntryError(entry.key, Fault.UNKNOWN)
        if entry.digest and entry.digest != digest(self.migration(entry).operations):
            raise InvalidEntryError(entry.key, Fault.CHANGED)
        is_whole = entry.extent == Extent.WHOLE or entry.progress == Progress.FINISHED
        if entry.key in self.recorded and not is_whole:
            raise InvalidEntryError(entry.key, Fault.RECORDED)

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything to finish."""
        return bool(self.entries)

    @property
    def is_complete(self) -> bool:
        """Whether all that precedes the roll-out is carried out."""
        return self.first_unbuilt is None

    @property
    def first_unbuilt(self) -> Key | None:
        """The first that precedes the roll-out and is not carried out."""
        left = (each.key for each in self.entries if not self._is_built(each))
        return next(left, None)

    def _is_built(self, entry: Any) -> bool:
        is_nothing = entry.extent == Extent.NOTHING
        return is_nothing or entry.progress not in (Progress.PLANNED, Progress.BEGUN)

    @property
    def built(self) -> set[Key]:
        """What is carried out of what precedes the roll-out."""
        early = (Progress.PLANNED, Progress.BEGUN)
        return {each.key for each in self.entries if each.progress not in early}

    @property
    def begun(self) -> set[Key]:
        """What something is carried out of."""
        planned = Progress.PLANNED
        return {each.key for each in self.entries if each.progress != planned}

    @property
    def finished(self) -> set[Key]:
        """What nothing is left of."""
        return {
            each.key
            for each in self.entries
            if each.progress == Progress.FINISHED
            or (each.extent == Extent.WHOLE and each.key in self.recorded)
        }

    @property
    def is_being_finished(self) -> bool:
        """Whether something that follows the roll-out is carried out."""
        late = (Progress.FINISHING, Progress.FINISHED)
        return any(entry.progress in late for entry in self.entries)

    @property
    def migrations(self) -> list[Migration]:
        """The migrations of the entries, in order."""
        return [self.migration(entry) for entry in self.entries]

    def migration(self, entry: Any) -> Migration:
        """Return the migration of an entry."""
        migration: Migration = self.history.loader.graph.nodes[entry.key]
        return migration

    @property
    def settled(self) -> list[Any]:
        """The entries that cannot be decided anew, for something is built since."""
        begun = self.begun
        last = max(
            (n for n, each in enumerate(self.entries, start=1) if each.key in begun),
            default=0,
        )
        return self.entries[:last]

    @property
    def taken(self) -> dict[Key, Part | None]:
        """How much of what is settled is carried out before the roll-out."""
        return {each.key: PARTS[each.extent] for each in self.settled}

    def start(self, there: Collection[Key] = ()) -> Tracker:
        """Return the world where the deploy began."""
        keys = {entry.key for entry in self.entries}
        applied = [key for key in self.history.applied if key not in keys]
        return self.history.at([*applied, *there])

    def crossing(self) -> Crossing:
        """Return a crossing at its start."""
        return self.history.crossing(self.start())

    def places(
        self, pending: Iterable[Migration], policy: Policy, there: Collection[Key] = ()
    ) -> StagedPlan:
        """
        Return the place of each migration of the deploy, and of those that come to it.

        Those that are ``there`` already, though not recorded, do nothing.
        """
        begun = {entry.key for entry in self.entries}
        later = [each for each in pending if (each.app_label, each.name) not in begun]
        migrations = [*self.migrations, *later]
        tracker = self.start(there)
        start = tracker.world
        return plan_pre_deploy(
            self.history.forwards(tracker, migrations, there),
            start,
            self.history.edges(migrations, backwards=False),
            policy,
            None if there else self.crossing,
            self.taken,
        )

    def plan(self, placements: Iterable[Placement]) -> None:
        """Write down what is to be carried out, in place of what was planned."""
        settled = self.settled
        known = {each.key for each in settled}
        self.ledger.write(
            [
                (each.key, EXTENTS[each.extent] if each.is_ready else Extent.NOTHING)
                for each in placements
                if each.key not in known
            ],
            after=settled[-1].id if settled else 0,
        )
        self.entries = self.ledger.entries()

    @property
    def parts(self) -> list[tuple[Migration, Part | None]]:
        """The migrations, and how much of each precedes the roll-out."""
        return [(self.migration(each), PARTS[each.extent]) for each in self.entries]

    def homeward(self, crossing: Crossing, held: Collection[Key]) -> Iterator[Leg]:
        """
        Yield what follows the roll-out, carried out already or not.

        The crossing has to be where the first halves end. What is ``held``, and what
        comes after it, is left out.
        """
        waiting: set[Key] = set()
        nodes = self.history.loader.graph.node_map
        for migration, part in self.parts:
            key = (migration.app_label, migration.name)
            parents = {parent.key for parent in nodes[key].parents}
            if key in held or parents & waiting:
                waiting.add(key)
            else:
                yield leg(crossing, migration, BACK_HOME[part])


BACK_HOME = {None: Part.WHOLE, Part.FIRST: Part.SECOND, Part.WHOLE: Part.NOTHING}


def outward(
    crossing: Crossing, parts: Iterable[tuple[Migration, Part | None]]
) -> Iterator[Leg]:
    """Yield what precedes a roll-out."""
    for migration, part in parts:
        if part is None:
            crossing.defer(migration)
        else:
            yield leg(crossing, migration, part)


def leg(crossing: Crossing, migration: Migration, part: Part) -> Leg:
    """Carry out a part of a migration on a crossing."""
    before = crossing.built.state.clone()
    take: dict[Part, Callable[[Migration], Portion]] = {
        Part.WHOLE: crossing.whole,
        Part.FIRST: crossing.first_half,
        Part.SECOND: crossing.second_half,
        Part.NOTHING: lambda migration: Portion(migration, Part.NOTHING, []),
    }
    portion = take[part](migration)
    return Leg(portion, before, crossing.built.state.clone())
