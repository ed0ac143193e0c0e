"""A deploy that is under way: what is carried out, and what is not."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterable, Iterator, Sequence

from django.db.migrations import Migration

from syzygy_like.compatibility import errors, incompatibilities
from syzygy_like.executor.digests import is_same
from syzygy_like.executor.errors import Fault, InvalidEntryError
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import Entry, Record, Release
from syzygy_like.executor.steps import DeployStep, make_step
from syzygy_like.expand_contract.simulation import CannotSplitError, DeployState, Part
from syzygy_like.planning.database import Basis, current_basis, is_computable
from syzygy_like.planning.delays import parse_datetime
from syzygy_like.planning.history import History, Key
from syzygy_like.planning.plan import Outcome, PlannedMigration, StagedPlan
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.pre_deploy import plan_pre_deploy
from syzygy_like.schema import Schema
from syzygy_like.schema.tracking import Tracker


class Deploy:
    """A deploy by its record and by the migration files of this version."""

    def __init__(self, history: History, ledger: Ledger):
        self.history = history
        self.ledger = ledger
        # Django's history, kept up to date as migrations are carried out.
        self.recorded = set(history.loader.applied_migrations)
        self._expected: dict[int, Schema] = {}

    @property
    def record(self) -> Record:
        """What is carried out by now."""
        return self.ledger.record

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything to finish."""
        return self.record.is_under_way

    @property
    def unknown(self) -> list[Key]:
        """The migrations in the record that this version has no files of."""
        nodes = self.history.loader.graph.nodes
        keys = dict.fromkeys(each.key for each in self.record.entries)
        return [key for key in keys if key not in nodes]

    def unknown_of(self, number: int) -> list[Key]:
        """Return the migrations of a release that this version has no files of."""
        nodes = self.history.loader.graph.nodes
        migrations = self.record.releases[number - 1].migrations
        return [key for key in migrations if key not in nodes]

    def check(self) -> None:
        """Raise InvalidEntryError if an entry does not fit the files, or Django."""
        for entry in self.record.entries:
            last = self.record.entry(entry.key)
            is_expanded = last is not None and last.part is Part.EXPAND
            if entry.key in self.recorded and is_expanded:
                raise InvalidEntryError(entry.key, Fault.RECORDED)
            migration = self.migration(entry.key)
            if entry.is_done and not is_same(entry, migration, migration.operations):
                raise InvalidEntryError(entry.key, Fault.CHANGED)
        for entry in self.record.entries:
            basis = self.record.releases[entry.release - 1].basis
            if not is_computable(basis):
                raise InvalidEntryError(entry.key, Fault.BASIS, basis)

    def migration(self, key: Key) -> Migration:
        """Return a migration that this version has a file of."""
        migration: Migration = self.history.loader.graph.nodes[key]
        return migration

    def ordered(self, keys: Collection[Key]) -> list[Key]:
        """Return the migrations that have files, in the order of Django's plan."""
        return [key for key in self.history.plan if key in keys]

    # What is carried out.

    def start_keys(self) -> list[Key]:
        """Return what was applied where the deploy began, in order."""
        keys = {each.key for each in self.record.entries}
        return [key for key in self.history.applied if key not in keys]

    def start(self, there: Collection[Key] = ()) -> Tracker:
        """Return the state where the deploy began, with what is ``there`` already."""
        return self.history.at([*self.start_keys(), *there])

    def expected_since(self, serving: int, number: int) -> tuple[Schema, ...]:
        """Return what the releases from one up to another, without that, expect."""
        return tuple(self._expects(each) for each in range(serving, number))

    def _expects(self, number: int) -> Schema:
        """Return the schema that a release expects; 0 is the version before them."""
        if number not in self._expected:
            members = self.record.members
            keys = {key for key, release in members.items() if release <= number}
            tracker = self.history.at(self.ordered(keys.union(self.start_keys())))
            self._expected[number] = tracker.schemas.code
        return self._expected[number]

    def _join(
        self, deploy_state: DeployState, number: int, release: Release | Joining
    ) -> None:
        """Have a deploy state go on with the release of a number."""
        codes = self.expected_since(release.serving, number)
        deploy_state.join(codes, self.history.reader(release.basis))

    def replay(self) -> tuple[DeployState, list[DeployStep]]:
        """
        Return the deploy state of the database, and the steps that led there.

        Raises InvalidEntryError if the steps are computed differently than they were.
        """
        deploy_state = self.history.deploy_state(self.start())
        steps = []
        for entry in self.record.entries:
            release = self.record.releases[entry.release - 1]
            self._join(deploy_state, entry.release, release)
            try:
                made = make_step(deploy_state, self.migration(entry.key), entry.part)
            except CannotSplitError as error:
                raise self._differs(entry) from error
            done = made.partial.operations[: entry.operations]
            if not (entry.is_done or is_same(entry, made.partial.migration, done)):
                raise InvalidEntryError(entry.key, Fault.CHANGED)
            if entry.effect and entry.effect != made.effect:
                raise self._differs(entry)
            steps.append(dataclasses.replace(made, release=entry.release))
        return deploy_state, steps

    def _differs(self, entry: Entry) -> InvalidEntryError:
        basis = self.record.releases[entry.release - 1].basis
        return InvalidEntryError(entry.key, Fault.BASIS, basis)

    def unfinished(self, steps: Iterable[DeployStep]) -> list[DeployStep]:
        """Return the steps that an earlier run has begun and not finished."""
        places = {each.place for each in self.record.entries if not each.is_done}
        return [each for each in steps if each.place in places]

    # What precedes the roll-out.

    def first_missing(self, number: int) -> Key | None:
        """Return the first migration that a release still needs before its roll-out."""
        migrations = self.record.releases[number - 1].migrations
        for key in self.ordered(migrations):
            entry = self.record.entry(key)
            is_begun = entry is not None and not entry.is_done
            if is_begun or (entry is None and migrations[key] is not None):
                return key
        return None

    def is_prepared(self, number: int) -> bool:
        """Tell whether all that precedes the roll-out of a release is carried out."""
        is_complete = self.first_missing(number) is None
        return is_complete and not self.unknown_of(number)

    def precedes_roll_out(self, step: DeployStep) -> bool:
        """Tell whether a step that was begun precedes a roll-out."""
        is_planned = self.record.planned(step.key) is not None
        return step.partial.part is not Part.CONTRACT and is_planned

    def joining(self, pending: Iterable[Migration]) -> Joining:
        """Return the release that a pre-deploy of pending migrations is for."""
        record, last = self.record, len(self.record.releases)
        if not record.is_under_way:
            return Joining(1, 0, current_basis())
        release = record.releases[-1]
        keys = {(each.app_label, each.name) for each in pending}
        new = keys - record.members.keys()
        if not new or self.first_missing(last) is not None:
            return Joining(last, release.serving, release.basis)
        return Joining(last + 1, record.rolled_out, current_basis())

    def deploy_state(self, joining: Joining) -> tuple[DeployState, list[DeployStep]]:
        """Return the deploy state for a release, and the steps that led there."""
        deploy_state, steps = self.replay()
        self._join(deploy_state, joining.number, joining)
        return deploy_state, steps

    def undecided(self, pending: Iterable[Migration]) -> list[Key]:
        """Return the migrations of the deploy, and new ones, that are not begun."""
        done = {each.key for each in self.record.entries} | self.recorded
        keys = {(each.app_label, each.name) for each in pending}
        return self.ordered((keys | self.record.members.keys()) - done)

    def plan(
        self,
        pending: Iterable[Migration],
        policy: Policy,
        joining: Joining,
        there: Collection[Key] = (),
    ) -> StagedPlan:
        """
        Return the plan for the migrations that are not begun, by a policy.

        Those that are ``there`` already, though not recorded, do nothing.
        """
        keys = self.undecided(pending)
        kept = self._kept(keys, joining) if self.is_under_way else None
        while True:
            plan = self._plan(keys, policy, joining, there, kept)
            # The new version needs first what was deferred when that was decided.
            changed = {each.key for each in plan.blocked}.intersection(kept or ())
            if kept is None or not changed:
                return plan
            kept = kept - changed

    def _plan(
        self,
        keys: Iterable[Key],
        policy: Policy,
        joining: Joining,
        there: Collection[Key],
        kept: Collection[Key] | None,
    ) -> StagedPlan:
        migrations = [self.migration(key) for key in keys]
        tracker = self.start(there)
        if self.is_under_way:
            tracker = self.deploy_state(joining)[0].declared.fork()
        start = tracker.schemas
        return plan_pre_deploy(
            self.history.forwards(tracker, migrations, there),
            start,
            self.history.edges(migrations, backwards=False),
            policy,
            None if there else lambda: self.deploy_state(joining)[0],
            kept,
        )

    def _kept(self, keys: Iterable[Key], joining: Joining) -> set[Key]:
        """Return what is certain to be deferred: the roll-out is prepared."""
        last = len(self.record.releases)
        prepared = last if self.first_missing(last) is None else joining.number - 1
        members = self.record.members
        newest = max(prepared, self.record.rolled_out)
        return {key for key in keys if key in members and members[key] <= newest}

    def decided(
        self, joining: Joining, planned_migrations: Iterable[PlannedMigration]
    ) -> Record:
        """Return the record with what is to be carried out for a release."""
        record = self.record if self.is_under_way else self.record.without_deploy()
        known = dict[Key, "Part | None"]()
        if len(record.releases) >= joining.number:
            known.update(record.releases[joining.number - 1].migrations)
        members = record.members
        for each in planned_migrations:
            is_mine = members.get(each.key, joining.number) == joining.number
            if is_mine and each.outcome is not Outcome.BLOCKED:
                known[each.key] = each.part if each.is_ready else None
        release = Release(known, joining.serving, joining.basis)
        return record.release(joining.number, release)

    # What follows it.

    def remaining(
        self,
        deploy_state: DeployState,
        keys: Iterable[Key],
        record: Record | None = None,
        held: Collection[Key] = (),
    ) -> Iterator[DeployStep]:
        """
        Yield the steps that are left of some migrations, by the record or another one.

        The deploy state is the one after all steps that have begun. Migrations that are
        ``held``, and those that depend on them, are left out.
        """
        record = self.record if record is None else record
        waiting: set[Key] = set()
        nodes = self.history.loader.graph.node_map
        for key in keys:
            parents = {parent.key for parent in nodes[key].parents}
            if key in held or parents & waiting:
                waiting.add(key)
                continue
            part = self._left(key, record)
            if part is None:
                continue
            number = record.members[key]
            self._join(deploy_state, number, record.releases[number - 1])
            made = make_step(deploy_state, self.migration(key), part)
            yield dataclasses.replace(made, release=number)

    def remaining_but(
        self, keys: Sequence[Key], held: Collection[Key], number: int
    ) -> tuple[list[DeployStep], set[Key]]:
        """
        Return the steps that are left while others are held, and the keys that wait.

        The database has to stay compatible with the release of a number in between: a
        migration that would break it waits, too.
        """
        code, waits = self._expects(number), set[Key]()
        while True:
            deploy_state, steps = self.replay()[0], list[tuple[DeployStep, bool]]()
            if not held:
                return list(self.remaining(deploy_state, keys)), waits
            known = set(errors(incompatibilities(code, deploy_state.database)))
            for each in self.remaining(deploy_state, keys, held=waits.union(held)):
                found = (
                    set(errors(incompatibilities(code, deploy_state.database))) - known
                )
                steps.append((each, bool(found)))
            if not (steps and steps[-1][1]):
                return [each for each, _ in steps], waits
            waits.add(next(each.key for each, is_broken in steps if is_broken))

    def _left(self, key: Key, record: Record) -> Part | None:
        """Return the part of a migration that is left to begin, None if none is."""
        entry = record.entry(key)
        is_ending = entry and entry.part is not Part.EXPAND and not entry.is_done
        if key in self.recorded or is_ending:
            return None
        if entry is None:
            return Part.WHOLE
        return Part.CONTRACT if entry.part is Part.EXPAND else Part.NOTHING

    @property
    def changed(self) -> datetime.datetime:
        """When the last step was carried out."""
        return max(parse_datetime(each.since) for each in self.record.entries)

    def is_over(self, key: Key) -> bool:
        """Tell whether a migration is wholly carried out, recorded or not."""
        entry = self.record.entry(key)
        if entry is None or entry.part is Part.EXPAND:
            return key in self.recorded
        return key in self.recorded or entry.is_done

    @property
    def is_finished(self) -> bool:
        """
        Whether Django's history alone describes the database.

        A migration that is held does not count if neither a part of it nor anything
        after it is carried out.
        """
        entries = self.record.entries
        return all(each.is_done and each.key in self.recorded for each in entries)


@dataclasses.dataclass(frozen=True)
class Joining:
    """
    The release that a pre-deploy is for, by its number.

    ``serving`` is the number of the oldest one that may be serving, ``basis`` what is
    computed with.
    """

    number: int
    serving: int
    basis: Basis
