"""Legs of a deploy that are carried out on a database, one after the other."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
from collections.abc import Sequence

from django.db import Error, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from syzygy_like.executor.deploy import Deploy, Joining
from syzygy_like.executor.digests import digest, file_digest
from syzygy_like.executor.ledger import ConcurrentRunError
from syzygy_like.executor.record import Entry, Record
from syzygy_like.executor.recording import Recording
from syzygy_like.executor.resumable import Carrier, Claim, Note
from syzygy_like.executor.steps import Leg
from syzygy_like.expand_contract.simulation import Extent, Portion
from syzygy_like.planning.history import Key
from syzygy_like.planning.plan import Placement


class Run(abc.ABC):
    """
    Carries out legs of a deploy.

    Each is noted in the record and, where it belongs there, in Django's history, in
    the transaction that carries it out if there is one. Raises ConcurrentRunError as
    soon as another run has changed the record.
    """

    backwards = False

    def __init__(
        self, executor: MigrationExecutor, deploy: Deploy, legs: Sequence[Leg]
    ):
        self.executor = executor
        self.deploy = deploy
        self.ledger = deploy.ledger
        self.legs = legs
        self.recording = Recording(executor)

    def carry_out(self, leg: Leg, carrier: Carrier) -> None:
        """Carry out a leg, or what an earlier run has left of it."""
        self.ledger.open()
        entry = self._entry(leg)
        state, recorded = self.ledger.state(), set(self.deploy.recorded)

        def note(number: int) -> None:
            with transaction.atomic(self.executor.connection.alias):
                self.note(leg, number)

        def claim() -> None:
            # Forget what was noted in a transaction that was rolled back.
            self.ledger.restore(state)
            self.deploy.recorded = set(recorded)
            self.ledger.write(self.claimed(leg))

        try:
            self._move(leg, entry, carrier, claim, note)
        except Exception as error:
            if carrier.is_in_one(leg.portion):
                self.ledger.restore(state)
            elif self.ledger.is_outdated:
                # Another run has gone on with this leg: its statements were faster.
                raise ConcurrentRunError from error
            elif entry is None and not carrier.wrote:
                self._take_back(state[1])
            raise

    def _move(
        self, leg: Leg, entry: Entry | None, carrier: Carrier, claim: Claim, note: Note
    ) -> None:
        done = None if entry is None else entry.operations
        state = leg.before.clone()
        if self.backwards:
            carrier.backwards(leg.portion, state, done, claim, note)
            return
        turned = entry is not None and entry.undoing
        carrier.forwards(leg.portion, state, done, claim, note, turned)

    def _entry(self, leg: Leg) -> Entry | None:
        found = (each for each in self.ledger.record.entries if each.place == leg.place)
        return next(found, None)

    def begun(self, leg: Leg, carrier: Carrier) -> Portion:
        """Return what of a leg may be carried out by now."""
        entry = self._entry(leg)
        if entry is None or entry.operations is None:
            return leg.portion
        return carrier.begun(leg.portion, entry.operations)

    def _take_back(self, record: Record) -> None:
        """Let a leg bind nobody of which nothing was carried out."""
        # What went wrong before is what is to be told.
        with contextlib.suppress(Error, ConcurrentRunError):
            self.ledger.write(record)

    def prepared(self) -> Record:
        """Return the record with what is to be known before anything is done."""
        return self.ledger.record

    def claimed(self, leg: Leg) -> Record:
        """Return the record with a leg that is begun."""
        record, entry = self.prepared(), self._entry(leg)
        if entry is None and leg.portion.extent is not Extent.NOTHING:
            return record.put(self._noted(leg, 0))
        return record

    def _noted(self, leg: Leg, number: int) -> Entry:
        """Return an entry with how many operations of a leg are carried out."""
        operations, migration = leg.portion.operations, leg.portion.migration
        entry = Entry(
            *leg.place,
            leg.release,
            number,
            self.backwards,
            file_digest(migration),
            digest(operations[:number]),
            since=now().isoformat(),
        )
        if number < len(operations) or self.backwards:
            return entry
        return dataclasses.replace(
            entry,
            operations=None,
            digest=digest(migration.operations),
            effect=leg.effect,
        )

    @abc.abstractmethod
    def note(self, leg: Leg, number: int) -> None:
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

    def finish(self) -> None:
        """Do what is to be done when all legs are carried out."""
        record = self.prepared()
        if record != self.ledger.record and record.is_under_way:
            self.ledger.write(record)


class Outward(Run):
    """Carries out what precedes the roll-out of a release, as it was decided."""

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        legs: Sequence[Leg],
        joining: Joining | None = None,
        placements: Sequence[Placement] = (),
    ):
        super().__init__(executor, deploy, legs)
        self.joining = joining
        self.placements = placements

    def prepared(self) -> Record:
        if self.joining is None:
            return self.ledger.record
        return self.deploy.decided(self.joining, self.placements)

    def note(self, leg: Leg, number: int) -> None:
        entry = self._noted(leg, number)
        self.ledger.write(self.ledger.record.put(entry))
        if entry.is_done and entry.part is Extent.WHOLE:
            self.record(leg.key)


class Homeward(Run):
    """Carries out what follows the roll-out of the releases up to a number."""

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        legs: Sequence[Leg],
        rolled_out: int = 0,
    ):
        super().__init__(executor, deploy, legs)
        self.rolled_out = rolled_out

    def prepared(self) -> Record:
        record = self.ledger.record
        # Who has carried out nothing has not proved that older code is gone.
        newest = max(record.rolled_out, self.rolled_out if self.legs else 0)
        return dataclasses.replace(record, rolled_out=newest)

    def note(self, leg: Leg, number: int) -> None:
        if leg.portion.extent is not Extent.NOTHING:
            entry = self._noted(leg, number)
            self.ledger.write(self.ledger.record.put(entry))
            if not entry.is_done:
                return
        self.record(leg.key)

    def finish(self) -> None:
        super().finish()
        if self.deploy.is_finished:
            self.ledger.open()
            self.ledger.write(self.ledger.record.without_deploy())
            self.ledger.close()


class Backwards(Run):
    """Takes back what preceded the roll-out of a release that is given up."""

    backwards = True

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        legs: Sequence[Leg],
        number: int = 1,
    ):
        super().__init__(executor, deploy, legs)
        self.number = number

    def note(self, leg: Leg, number: int) -> None:
        entry = self._noted(leg, number)
        record = self.ledger.record
        if number:
            self.ledger.write(record.put(entry))
            return
        self.strike(leg.key)
        self.ledger.write(record.drop(entry))

    def finish(self) -> None:
        record = self.ledger.record
        if all(each.release < self.number for each in record.entries):
            record = record.without_release(self.number)
            self.ledger.write(record)
        self.ledger.close()
