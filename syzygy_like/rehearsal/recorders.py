"""Who watches the migrations of a rehearsal."""

from __future__ import annotations

import dataclasses

from django.db.migrations import Migration

from syzygy_like.executor.status import statuses
from syzygy_like.rehearsal.database import RehearsedDatabase
from syzygy_like.rehearsal.lock_trace import Observer
from syzygy_like.rehearsal.report import Planned, Report


class Noted:
    """Writes down which migration is carried out in which stage."""

    def __init__(self, site: RehearsedDatabase, report: Report):
        self.site = site
        self.report = report

    def began(self, migration: Migration, stage: str) -> None:
        """Write down a migration, or a part of one."""
        name = f"{migration.app_label}.{migration.name}"
        part = str(migration).removeprefix(name).strip(" ()")
        outcome = f"{stage}, {part}" if part else stage
        path = self.site.path((migration.app_label, migration.name))
        self.report.planned.append(Planned(self.site.alias, name, outcome, path))

    def ended(self, migration: Migration) -> None:
        """Go on."""


def planned(site: RehearsedDatabase) -> list[Planned]:
    """Return the pending migrations of a plan that is not carried out."""
    found = statuses(site.loader, site.alias)
    keys = [(each.app_label, each.name) for each in site.plan]
    stages = [dataclasses.replace(found[key], waits_since=None).text for key in keys]
    return [
        Planned(site.alias, ".".join(key), stage, site.path(key))
        for key, stage in zip(keys, stages, strict=True)
    ]


class Observed:
    """Tells an observer of live traffic about migrations."""

    def __init__(self, observer: Observer):
        self.observer = observer

    def began(self, migration: Migration, stage: str) -> None:
        """Begin to look."""
        self.observer.begin(f"{migration.app_label}.{migration.name}", stage)

    def ended(self, migration: Migration) -> None:
        """Stop looking."""
        self.observer.end()
