"""Legs of a deploy that are carried out on a database, one after the other."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.carrying import Carrier
from syzygy_like.crossing import Extent
from syzygy_like.deploys import Deploy, Leg
from syzygy_like.history import Key
from syzygy_like.journal import digest
from syzygy_like.ledger import Extent as Extents
from syzygy_like.ledger import Progress
from syzygy_like.placements import Placement
from syzygy_like.recording import Recording


class Run(abc.ABC):
    """
    Carries out legs of a deploy.

    Each is noted in the ledger and, where it belongs there, in Django's history, in
    the transaction that carries it out if there is one.
    """

    backwards = False

    def __init__(
        self, executor: MigrationExecutor, deploy: Deploy, legs: Sequence[Leg]
    ):
        self.executor = executor
        self.deploy = deploy
        self.legs = legs
        self.recording = Recording(executor)

    def begin(self, placements: Sequence[Placement]) -> None:  # noqa: B027
        """Do what is to be done before any leg is carried out."""

    def carry_out(self, leg: Leg, carrier: Carrier) -> None:
        """Carry out a leg, or what an earlier run has left of it."""
        entry = next(each for each in self.deploy.entries if each.key == leg.key)
        move = carrier.backwards if self.backwards else carrier.forwards
        progress, operations = entry.progress, entry.operations
        recorded = set(self.deploy.recorded)

        def note(number: int) -> None:
            with transaction.atomic(self.executor.connection.alias):
                self.note(leg, entry, number)

        def claim() -> None:
            # Forget what was noted in a transaction that was rolled back.
            entry.progress, entry.operations = progress, operations
            self.deploy.recorded = set(recorded)
            self.deploy.ledger.claim(entry)

        move(leg.portion, leg.before.clone(), self.done(entry), claim, note)

    @abc.abstractmethod
    def done(self, entry: Any) -> int | None:
        """Return how many operations of its portion are carried out, if any is."""

    @abc.abstractmethod
    def note(self, leg: Leg, entry: Any, number: int) -> None:
        """Note how many operations of a leg are carried out."""

    def record(self, key: Key) -> None:
        """Put a migration into Django's history, if all that it depends on is there."""
        nodes = self.executor.loader.graph.node_map
        parents = {parent.key for parent in nodes[key].parents}
        if key not in self.deploy.recorded and parents <= self.deploy.recorded:
            self.recording.applied(key)
            self.deploy.recorded.add(key)

    def strike(self, key: Key) -> None:
        """Take a migration out of Django's history."""
        if key in self.deploy.recorded:
            self.recording.unapplied(key)
            self.deploy.recorded.discard(key)

    def finish(self) -> None:  # noqa: B027
        """Do what is to be done when all legs are carried out."""


class Outward(Run):
    """Carries out what precedes the roll-out."""

    def begin(self, placements: Sequence[Placement]) -> None:
        if placements:
            self.deploy.plan(placements)

    def done(self, entry: Any) -> int | None:
        return entry.operations if entry.progress == Progress.BEGUN else None

    def note(self, leg: Leg, entry: Any, number: int) -> None:
        if number < len(leg.portion.operations):
            self.deploy.ledger.note(entry, Progress.BEGUN, number)
            return
        entry.digest = digest(leg.portion.migration.operations)
        self.deploy.ledger.note(entry, Progress.BUILT)
        if leg.portion.extent is Extent.WHOLE:
            self.record(leg.key)


class Homeward(Run):
    """Carries out what follows the roll-out."""

    def done(self, entry: Any) -> int | None:
        return entry.operations if entry.progress == Progress.FINISHING else None

    def note(self, leg: Leg, entry: Any, number: int) -> None:
        if number < len(leg.portion.operations):
            self.deploy.ledger.note(entry, Progress.FINISHING, number)
            return
        self.deploy.ledger.note(entry, Progress.FINISHED)
        self.record(leg.key)

    def finish(self) -> None:
        finished = self.deploy.finished
        left = [each for each in self.deploy.entries if each.key not in finished]
        # What is held is as any other migration if nothing that comes after it is
        # carried out.
        if all(each.extent == Extents.NOTHING for each in left):
            self.deploy.ledger.close()


class Backwards(Run):
    """Takes back what preceded a roll-out that is given up."""

    backwards = True

    def done(self, entry: Any) -> int | None:
        return entry.operations if entry.progress == Progress.BEGUN else None

    def note(self, leg: Leg, entry: Any, number: int) -> None:
        if number:
            self.deploy.ledger.note(entry, Progress.BEGUN, number)
            return
        self.strike(leg.key)
        self.deploy.ledger.note(entry, Progress.PLANNED)

    def finish(self) -> None:
        if not self.deploy.begun:
            self.deploy.ledger.close()
