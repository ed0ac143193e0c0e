"""What is applied, wholly or in part, and what the rest waits for."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping

from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from syzygy_like.conf import InvalidSettingError
from syzygy_like.executor import messages
from syzygy_like.executor.deploy import Deploy
from syzygy_like.executor.errors import InvalidEntryError
from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import Entry, InvalidRecordError, Record
from syzygy_like.expand_contract.simulation import Part
from syzygy_like.planning.database import Database
from syzygy_like.planning.delays import InvalidDelayError, parse_datetime, waits_since
from syzygy_like.planning.history import BrokenMigrationError, History, Key
from syzygy_like.planning.messages.plans import age
from syzygy_like.planning.policy import Policy, current_policy
from syzygy_like.planning.resolver import InvalidStageError, Resolution
from syzygy_like.stages import Stage

# The checks say what is wrong with these; here it is enough to say less.
UNTELLABLE = (
    BrokenMigrationError,
    InvalidDelayError,
    InvalidStageError,
    InvalidEntryError,
    InvalidRecordError,
    InvalidSettingError,
)
BEGUN, APPLIED = "begun", "applied"


@dataclasses.dataclass(frozen=True)
class Status:
    """
    Whether a migration is applied; if not, its stage and where that comes from.

    ``waits_since`` is when the last of its parents was applied, if they all are.
    The stage is an empty string if the settings or the migrations are broken. A
    migration that fits no stage and will be applied in parts is ``in_parts``.

    While a deploy is under way, more may be applied than Django has recorded: a
    ``part`` of a migration, with its ``progress`` and ``since`` when. ``ahead_of`` are
    the migrations that this one depends on and that are not applied yet.

    Of one that has begun, in a deploy or outside of one, ``operations`` is how many are
    applied. It may be going ``backwards``. What another version has begun may have no
    file: ``has_file`` is False then.
    """

    app: str
    name: str
    applied: datetime.datetime | bool = False
    stage: str = ""
    source: str = ""
    waits_since: datetime.datetime | None = None
    in_parts: bool = False
    part: str = ""
    progress: str = ""
    since: datetime.datetime | None = None
    ahead_of: tuple[str, ...] = ()
    operations: int | None = None
    backwards: bool = False
    has_file: bool = True

    @property
    def text(self) -> str:
        """The status of what is not applied, or not wholly, for people."""
        if self.part:
            return ", ".join(self._carried_out())
        return "" if self.applied else ", ".join(self._pending())

    def _carried_out(self) -> list[str]:
        whole = self.part == Part.WHOLE.value
        if self.since is None:  # it is of no deploy
            begun = "unapplying begun" if self.backwards else BEGUN
            return [begun, f"operations applied: {self.operations}"]
        done = self.progress if whole else f"{self.part} {self.progress}"
        # Of what is wholly applied it is the other migrations that matter.
        since = "" if whole and self.progress == APPLIED else f" {date(self.since)}"
        prefix = f"{self.app}."
        others = [name.removeprefix(prefix) for name in self.ahead_of]
        return [done + since, *([f"ahead of {', '.join(others)}"] if others else [])]

    def _pending(self) -> list[str]:
        parts = [self.stage, self.source] if self.stage else ["stage unknown"]
        if self.stage == Stage(0).label:
            parts = ["in parts" if self.in_parts else "fits no stage"]
        if self.waits_since is not None:
            waited = age(self.waits_since, timezone.now())
            parts.append(f"waiting since {date(self.waits_since)} ({waited})")
        return parts


def date(moment: datetime.datetime | None) -> str:
    """Return a moment as the list shows it."""
    return moment.strftime("%Y-%m-%d %H:%M") if moment else ""


def statuses(loader: MigrationLoader, alias: str) -> dict[Key, Status]:
    """Return the status of each migration, in the order of the plan."""
    history = History(loader, Database(alias))
    deploy = Deploy(history, Ledger(connections[alias]))
    done = _record(deploy)
    resolutions = _resolutions(history)
    in_parts = _in_parts(deploy, resolutions)
    found = {}
    for key in history.plan:
        record = loader.applied_migrations.get(key)
        if record is not None:
            applied = getattr(record, "applied", True)
            found[key] = _begun(Status(*key, applied=applied), done)
            continue
        resolution = resolutions.get(key)
        status = Status(
            *key,
            stage=resolution.stage.label if resolution else "",
            source=resolution.source.value if resolution else "",
            waits_since=waits_since(loader, key),
            in_parts=key in in_parts,
        )
        found[key] = _carried_out(status, loader, done)
    for key in _without_file(loader, done):
        found[key] = _carried_out(Status(*key, has_file=False), loader, done)
    return found


def _without_file(loader: MigrationLoader, record: Record) -> list[Key]:
    """Return what is carried out, or begun, of migrations that have no file here."""
    keys = [each.key for each in record.entries]
    keys += [each.key for each in record.begun]
    return [key for key in dict.fromkeys(keys) if key not in loader.graph.nodes]


def remarks(loader: MigrationLoader, alias: str) -> Iterator[str]:
    """Yield what is to be said of the record of a database, beside the statuses."""
    deploy = Deploy(History(loader, Database(alias)), Ledger(connections[alias]))
    try:
        foreign = deploy.unknown
        begun = [each.key for each in deploy.record.begun]
        if not foreign:
            deploy.check()
            deploy.replay()
    except InvalidRecordError as error:
        yield messages.invalid_record(error)
    except InvalidEntryError as error:
        yield messages.invalid_entry(error)
    except UNTELLABLE:  # what is wrong then is not the record
        return
    else:
        if foreign:
            yield messages.of_another_version(foreign)
        lost = [key for key in begun if key not in loader.graph.nodes]
        if lost:
            yield messages.begun_without_file(lost)


def _record(deploy: Deploy) -> Record:
    """Return what is carried out, as far as it can be told."""
    try:
        return deploy.record
    except InvalidRecordError:
        return Record()


def _carried_out(status: Status, loader: MigrationLoader, record: Record) -> Status:
    """Return a status with what the record says; Django has not recorded it."""
    key = (status.app, status.name)
    entry = record.entry(key)
    if entry is None:
        return _begun(status, record)
    part, progress = _part(entry)
    done = {Part.WHOLE}
    if part is not Part.WHOLE:
        done = {Part.EXPAND, Part.CONTRACT, Part.WHOLE}
    ahead = [
        ".".join(other)
        for other in _ancestors(loader, key)
        if other != key
        and other not in loader.applied_migrations
        and _part(record.entry(other))[0] not in done
    ]
    return dataclasses.replace(
        status,
        part=part.value if part else "",
        progress=progress,
        since=parse_datetime(entry.since),
        ahead_of=tuple(ahead),
        operations=entry.operations,
    )


def _begun(status: Status, record: Record) -> Status:
    """Return a status with what the record says of what is under way in no deploy."""
    key = (status.app, status.name)
    begun = next((each for each in record.begun if each.key == key), None)
    if begun is None:
        return status
    return dataclasses.replace(
        status,
        part=Part.WHOLE.value,
        progress=BEGUN,
        operations=begun.operations,
        backwards=begun.backwards,
    )


def _ancestors(loader: MigrationLoader, key: Key) -> list[Key]:
    """Return what a migration comes after, with itself, if there is a file of it."""
    graph = loader.graph
    return list(graph.forwards_plan(key)) if key in graph.nodes else []


def _part(entry: Entry | None) -> tuple[Part | None, str]:
    """Return the part of a migration that is carried out, or begun."""
    if entry is None:
        return None, ""
    if not entry.is_done:
        return entry.part, BEGUN
    return (Part.EXPAND if entry.part is Part.EXPAND else Part.WHOLE), APPLIED


def _resolutions(history: History) -> dict[Key, Resolution]:
    """Return the stages of what is not applied, as far as they can be told."""
    found: dict[Key, Resolution] = {}
    if len(history.applied) == len(history.plan):
        return found
    try:
        for key, resolution in history.resolve_pending(current_policy()):
            found[key] = resolution
    except UNTELLABLE:
        pass
    return found


def _in_parts(deploy: Deploy, resolutions: Mapping[Key, Resolution]) -> set[Key]:
    """Return what fits no stage and will be applied in parts by the next deploy."""
    nodes = deploy.history.loader.graph.nodes
    without_stage = {key for key, each in resolutions.items() if not each.stage}
    try:
        policy = current_policy()
        if not any(policy.bridges(nodes[key]) for key in without_stage):
            return set()
        return without_stage & _expanded(deploy, resolutions, policy)
    except UNTELLABLE:
        return set()


def _expanded(deploy: Deploy, pending: Iterable[Key], policy: Policy) -> set[Key]:
    """Return the migrations whose expand part a deploy has applied or will apply."""
    if deploy.unknown:
        return set()
    deploy.check()
    migrations = [deploy.migration(key) for key in pending]
    plan = deploy.plan(migrations, policy, deploy.joining(migrations))
    begun = {each.key for each in deploy.record.entries if each.part is Part.EXPAND}
    return begun | {each.key for each in plan.ready if each.part is Part.EXPAND}
