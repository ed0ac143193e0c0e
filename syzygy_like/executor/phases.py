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
from syzygy_like.executor.resumable import Claim, MigrationRunner, Note
from syzygy_like.executor.steps import DeployStep
from syzygy_like.expand_contract.simulation import Part, PartialMigration
from syzygy_like.planning.history import Key
from syzygy_like.planning.plan import PlannedMigration


class Phase(abc.ABC):
    """
    Carries out legs of a deploy.

    Each is noted in the record and, where it belongs there, in Django's history, in
    the transaction that carries it out if there is one. Raises ConcurrentRunError as
    soon as another run has changed the record.
    """

    backwards = False

    def __init__(
        self, executor: MigrationExecutor, deploy: Deploy, steps: Sequence[DeployStep]
    ):
        self.executor = executor
        self.deploy = deploy
        self.ledger = deploy.ledger
        self.steps = steps
        self.recording = Recording(executor)

    def carry_out(self, step: DeployStep, carrier: MigrationRunner) -> None:
        """Carry out a leg, or what an earlier run has left of it."""
        self.ledger.open()
        entry = self._entry(step)
        state, recorded = self.ledger.state(), set(self.deploy.recorded)

        def note(number: int) -> None:
            with transaction.atomic(self.executor.connection.alias):
                self.note(step, number)

        def claim() -> None:
            # Forget what was noted in a transaction that was rolled back.
            self.ledger.restore(state)
            self.deploy.recorded = set(recorded)
            self.ledger.write(self.claimed(step))

        try:
            self._move(step, entry, carrier, claim, note)
        except Exception as error:
            if carrier.is_in_one(step.partial):
                self.ledger.restore(state)
            elif self.ledger.is_outdated:
                # Another run has gone on with this leg: its statements were faster.
                raise ConcurrentRunError from error
            elif entry is None and not carrier.wrote:
                self._take_back(state[1])
            raise

    def _move(
        self,
        step: DeployStep,
        entry: Entry | None,
        carrier: MigrationRunner,
        claim: Claim,
        note: Note,
    ) -> None:
        done = None if entry is None else entry.operations
        state = step.before.clone()
        if self.backwards:
            carrier.backwards(step.partial, state, done, claim, note)
            return
        turned = entry is not None and entry.undoing
        carrier.forwards(step.partial, state, done, claim, note, turned)

    def _entry(self, step: DeployStep) -> Entry | None:
        found = (
            each for each in self.ledger.record.entries if each.place == step.place
        )
        return next(found, None)

    def begun(self, step: DeployStep, carrier: MigrationRunner) -> PartialMigration:
        """Return what of a leg may be carried out by now."""
        entry = self._entry(step)
        if entry is None or entry.operations is None:
            return step.partial
        return carrier.begun(step.partial, entry.operations)

    def _take_back(self, record: Record) -> None:
        """Let a leg bind nobody of which nothing was carried out."""
        # What went wrong before is what is to be told.
        with contextlib.suppress(Error, ConcurrentRunError):
            self.ledger.write(record)

    def prepared(self) -> Record:
        """Return the record with what is to be known before anything is done."""
        return self.ledger.record

    def claimed(self, step: DeployStep) -> Record:
        """Return the record with a leg that is begun."""
        record, entry = self.prepared(), self._entry(step)
        if entry is None and step.partial.part is not Part.NOTHING:
            return record.put(self._noted(step, 0))
        return record

    def _noted(self, step: DeployStep, number: int) -> Entry:
        """Return an entry with how many operations of a leg are carried out."""
        operations, migration = step.partial.operations, step.partial.migration
        entry = Entry(
            *step.place,
            step.release,
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
            effect=step.effect,
        )

    @abc.abstractmethod
    def note(self, step: DeployStep, number: int) -> None:
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


class ExpandPhase(Phase):
    """Carries out what precedes the roll-out of a release, as it was decided."""

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        steps: Sequence[DeployStep],
        joining: Joining | None = None,
        planned_migrations: Sequence[PlannedMigration] = (),
    ):
        super().__init__(executor, deploy, steps)
        self.joining = joining
        self.planned_migrations = planned_migrations

    def prepared(self) -> Record:
        if self.joining is None:
            return self.ledger.record
        return self.deploy.decided(self.joining, self.planned_migrations)

    def note(self, step: DeployStep, number: int) -> None:
        entry = self._noted(step, number)
        self.ledger.write(self.ledger.record.put(entry))
        if entry.is_done and entry.part is Part.WHOLE:
            self.record(step.key)


class ContractPhase(Phase):
    """Carries out what follows the roll-out of the releases up to a number."""

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        steps: Sequence[DeployStep],
        rolled_out: int = 0,
    ):
        super().__init__(executor, deploy, steps)
        self.rolled_out = rolled_out

    def prepared(self) -> Record:
        record = self.ledger.record
        # Who has carried out nothing has not proved that older code is gone.
        newest = max(record.rolled_out, self.rolled_out if self.steps else 0)
        return dataclasses.replace(record, rolled_out=newest)

    def note(self, step: DeployStep, number: int) -> None:
        if step.partial.part is not Part.NOTHING:
            entry = self._noted(step, number)
            self.ledger.write(self.ledger.record.put(entry))
            if not entry.is_done:
                return
        self.record(step.key)

    def finish(self) -> None:
        super().finish()
        if self.deploy.is_finished:
            self.ledger.open()
            self.ledger.write(self.ledger.record.without_deploy())
            self.ledger.close()


class AbortPhase(Phase):
    """Takes back what preceded the roll-out of a release that is given up."""

    backwards = True

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        steps: Sequence[DeployStep],
        number: int = 1,
    ):
        super().__init__(executor, deploy, steps)
        self.number = number

    def note(self, step: DeployStep, number: int) -> None:
        entry = self._noted(step, number)
        record = self.ledger.record
        if number:
            self.ledger.write(record.put(entry))
            return
        self.strike(step.key)
        self.ledger.write(record.drop(entry))

    def finish(self) -> None:
        record = self.ledger.record
        if all(each.release < self.number for each in record.entries):
            record = record.without_release(self.number)
            self.ledger.write(record)
        self.ledger.close()
