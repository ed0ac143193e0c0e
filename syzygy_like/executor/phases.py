"""The phases of a deploy: its steps, carried out on a database one after the other."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

from django.db import Error, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from syzygy_like.executor.deploy import Deploy, Joining
from syzygy_like.executor.digests import digest, file_digest
from syzygy_like.executor.errors import ConcurrentRunError
from syzygy_like.executor.journal import record_applied, record_unapplied
from syzygy_like.executor.record import Entry, Record
from syzygy_like.executor.resumable import MigrationRunner, Progress
from syzygy_like.executor.steps import DeployStep
from syzygy_like.expand_contract.simulation import Part, PartialMigration
from syzygy_like.planning.history import Key
from syzygy_like.planning.plan import PlannedMigration


class Phase(abc.ABC):
    """
    The steps that an executor carries out before or after a roll-out, or to abort.

    ``number`` is that of the newest release that they are for. Each step is noted in
    the record and, if it finishes a migration, in Django's history, in the transaction
    that carries it out if there is one.
    """

    backwards = False

    def __init__(
        self,
        executor: MigrationExecutor,
        deploy: Deploy,
        steps: Sequence[DeployStep],
        number: int = 0,
    ):
        self.executor = executor
        self.deploy = deploy
        self.ledger = deploy.ledger
        self.steps = steps
        self.number = number

    @contextlib.contextmanager
    def carrying_out(
        self, step: DeployStep, runner: MigrationRunner
    ) -> Iterator[Progress]:
        """
        Yield how far a step is, while a runner carries out what is left of it.

        Raises ConcurrentRunError as soon as another run has changed the record.
        """
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
            if entry is None:
                yield Progress(None, claim, note)
            else:
                yield Progress(entry.operations, claim, note, turned=entry.undoing)
        except Exception as error:
            if runner.is_in_one(step.partial):
                self.ledger.restore(state)
            elif self.ledger.is_outdated:
                # Another run has gone on with this step: its statements were faster.
                raise ConcurrentRunError from error
            elif entry is None and not runner.wrote:
                self._take_back(state[1])
            raise

    def _entry(self, step: DeployStep) -> Entry | None:
        entries = self.ledger.record.entries
        return next((each for each in entries if each.place == step.place), None)

    def begun(self, step: DeployStep, runner: MigrationRunner) -> PartialMigration:
        """Return what may be carried out of a step by now."""
        entry = self._entry(step)
        if entry is None or entry.operations is None:
            return step.partial
        return runner.begun(step.partial, entry.operations)

    def _take_back(self, record: Record) -> None:
        """Remove the entry of a step of which nothing was carried out."""
        # The error that is being handled is the one to report.
        with contextlib.suppress(Error, ConcurrentRunError):
            self.ledger.write(record)

    def prepared(self) -> Record:
        """Return the record with what has to be in it before anything is done."""
        return self.ledger.record

    def claimed(self, step: DeployStep) -> Record:
        """Return the record with a step that is begun."""
        record, entry = self.prepared(), self._entry(step)
        if entry is None and step.partial.part is not Part.NOTHING:
            return record.put(self._noted(step, 0))
        return record

    def _noted(self, step: DeployStep, number: int) -> Entry:
        """Return an entry with how many operations of a step are carried out."""
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
        """Note how many operations of a step are carried out."""

    def record(self, key: Key) -> None:
        """Put a migration into Django's history, if all that it depends on is there."""
        nodes = self.executor.loader.graph.node_map
        parents = {parent.key for parent in nodes[key].parents}
        if key not in self.deploy.recorded and parents <= self.deploy.recorded:
            record_applied(self.executor, key)
            self.deploy.recorded.add(key)

    def remove(self, key: Key) -> None:
        """Remove a migration from Django's history."""
        if key in self.deploy.recorded:
            record_unapplied(self.executor, key)
            self.deploy.recorded.discard(key)

    def finish(self) -> None:
        """Do what is to be done when all steps are carried out."""
        record = self.prepared()
        if record != self.ledger.record and record.is_under_way:
            self.ledger.write(record)


class ExpandPhase(Phase):
    """
    What precedes the roll-out of a release, as it was decided.

    ``joining`` is the release that the ``planned_migrations`` are for; it is None where
    only what an earlier run has begun is left.
    """

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
    """What follows the roll-out of the releases up to a number."""

    def prepared(self) -> Record:
        record = self.ledger.record
        # A run that has nothing to carry out does not prove that older code is gone.
        newest = max(record.rolled_out, self.number if self.steps else 0)
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
    """Undoes what preceded the roll-out of a release."""

    backwards = True

    def note(self, step: DeployStep, number: int) -> None:
        entry = self._noted(step, number)
        record = self.ledger.record
        if number:
            self.ledger.write(record.put(entry))
            return
        self.remove(step.key)
        self.ledger.write(record.drop(entry))

    def finish(self) -> None:
        record = self.ledger.record
        if all(each.release < self.number for each in record.entries):
            record = record.without_release(self.number)
            self.ledger.write(record)
        self.ledger.close()
