"""What is applied, and what the rest waits for."""

from __future__ import annotations

import dataclasses
import datetime

from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from syzygy_like import conf, policies
from syzygy_like.delays import InvalidDelayError, waits_since
from syzygy_like.history import BrokenMigrationError, Database, History, Key
from syzygy_like.messages.plans import age
from syzygy_like.resolver import InvalidStageError, Resolution, resolve
from syzygy_like.stages import Stage


@dataclasses.dataclass(frozen=True)
class Status:
    """
    Whether a migration is applied; if not, its stage and where that comes from.

    ``waits_since`` is when the last of its parents was applied, if they all are.
    A stage that cannot be told, for the settings or the migrations are broken, is
    an empty string.
    """

    app: str
    name: str
    applied: datetime.datetime | bool = False
    stage: str = ""
    source: str = ""
    waits_since: datetime.datetime | None = None

    @property
    def text(self) -> str:
        """The status of what is not applied, for people."""
        parts = [self.stage, self.source] if self.stage else ["stage unknown"]
        if self.stage == Stage(0).label:
            parts = ["fits no stage"]
        if self.waits_since is not None:
            since = self.waits_since.strftime("%Y-%m-%d %H:%M")
            waited = age(self.waits_since, timezone.now())
            parts.append(f"waiting since {since} ({waited})")
        return ", ".join(parts)


def statuses(loader: MigrationLoader, alias: str) -> dict[Key, Status]:
    """Return the status of each migration, in the order of the plan."""
    history = History(loader, Database(alias))
    resolutions = _resolutions(history)
    found = {}
    for key in history.plan:
        record = loader.applied_migrations.get(key)
        if record is not None:
            applied = getattr(record, "applied", True)
            found[key] = Status(*key, applied=applied)
            continue
        resolution = resolutions.get(key)
        found[key] = Status(
            *key,
            stage=resolution.stage.label if resolution else "",
            source=resolution.source.value if resolution else "",
            waits_since=waits_since(loader, key),
        )
    return found


def _resolutions(history: History) -> dict[Key, Resolution]:
    """Return the stages of what is not applied, as far as they can be told."""
    found: dict[Key, Resolution] = {}
    applied = set(history.applied)
    pending = [key for key in history.plan if key not in applied]
    if not pending:
        return found
    try:
        policy = policies.current()
        tracker = history.at(history.applied)
        for key in pending:
            world = tracker.world
            step = history.read(tracker, history.loader.graph.nodes[key])
            found[key] = resolve(step, world, policy)
    except (
        BrokenMigrationError,
        InvalidDelayError,
        InvalidStageError,
        conf.InvalidSettingError,
    ):
        pass  # what is wrong is said by the checks; here it is enough to say less
    return found
