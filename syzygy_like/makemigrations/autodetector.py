"""Django's autodetector, with changes split into expand and contract migrations."""

from __future__ import annotations

import enum
import functools
from collections.abc import Collection, Iterator
from typing import Protocol, cast

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract import renames
from syzygy_like.expand_contract.bridge import Bridge, NoBridgeError, bridge
from syzygy_like.expand_contract.change import (
    Changes,
    ModelChange,
    add_suffixes,
    change_of,
    combine,
    new_migration,
    sort_by_dependencies,
)
from syzygy_like.expand_contract.data_functions import copy
from syzygy_like.expand_contract.parts import detect, expand_and_contract, filled_alike
from syzygy_like.expand_contract.renames import Rename
from syzygy_like.makemigrations.questioner import ReplayingQuestioner
from syzygy_like.schema import HasTable
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.stages import Stage


class Choice(enum.Enum):
    """What to do with the column or table of a renamed field or model."""

    COPY = enum.auto()
    RENAME = enum.auto()


class BridgeQuestioner(Protocol):
    """
    Answers what Django's questioner is not asked.

    ``choose`` returns what to do about a rename. ``give_up`` is called if there is no
    bridge; it returns if the change should be made in one migration anyway. Both may
    raise. ``separate`` is called with two apps whose questions are the same, and
    raises; ``warn`` is called with a unique field that gets one value in all rows.
    """

    has_table: HasTable

    @property
    def database_defaults(self) -> DatabaseDefaults: ...

    def choose(self, rename: Rename) -> Choice: ...

    def give_up(self, error: NoBridgeError, model_change: ModelChange) -> None: ...

    def separate(self, app_label: str, other: str) -> None: ...

    def warn(self, field: str) -> None: ...


def bridging(
    detector: type[MigrationAutodetector], bridge_questioner: BridgeQuestioner
) -> type[MigrationAutodetector]:
    """Return an autodetector like another one that splits what has to be split."""
    bases = (BridgingAutodetector, detector)
    return type(
        detector.__name__,
        bases,
        {"stock": detector, "bridge_questioner": bridge_questioner},
    )


class BridgingAutodetector(MigrationAutodetector):
    """Returns Django's changes, or an expand and a contract part where needed."""

    stock: type[MigrationAutodetector]
    bridge_questioner: BridgeQuestioner

    def changes(
        self,
        graph: MigrationGraph,
        trim_to_apps: set[str] | None = None,
        convert_apps: set[str] | None = None,
        migration_name: str | None = None,
    ) -> Changes:
        """Return the migrations to write by app label, as Django's method does."""
        # Django removes options from both.
        states = self.from_state.clone(), self.to_state.clone()
        replaying = ReplayingQuestioner(self.questioner)
        self.questioner = cast(MigrationQuestioner, replaying)
        arguments = (graph, trim_to_apps, convert_apps, migration_name)
        changes: Changes = super().changes(*arguments)
        if not changes:
            return changes
        # From here on, apps that get their first migrations are like any others.
        old = _with_unmigrated(*states, convert_apps or ())
        declared = self._choose(changes, old, replaying)
        if replaying.copied:
            replaying.rewind()
            again = self.stock(states[0].clone(), states[1].clone(), self.questioner)
            changes = again.changes(*arguments)
        model_change = change_of(
            changes, old, self.bridge_questioner.database_defaults, replaying.copied
        )
        found = self._bridge(model_change)
        if found is None or not (found.mixed or declared):
            return changes
        parts = self._parts(model_change, found, changes, declared, graph)
        self.arrange_for_graph(parts, graph, migration_name)
        add_suffixes(parts)
        return parts

    def _choose(
        self, changes: Changes, old: ProjectState, replaying: ReplayingQuestioner
    ) -> bool:
        """Ask what to do about each rename; return whether one is done in place."""
        operations = renames.find_operations(sort_by_dependencies(changes))
        declared = False
        for rename in renames.find_physical(
            operations, old, self.bridge_questioner.has_table
        ):
            if self.bridge_questioner.choose(rename) is Choice.COPY:
                for other in _namesakes(rename, changes):
                    self.bridge_questioner.separate(rename.app_label, other)
                names = (rename.model.lower(), rename.old, rename.new)
                replaying.copied.add(names)
            else:
                declared = True
        return declared

    def _bridge(self, model_change: ModelChange) -> Bridge | None:
        """Return the bridge, None if the user wants to continue without one."""
        try:
            return bridge(
                model_change.old,
                model_change.new,
                model_change.database_defaults,
                model_change.one_offs,
                self.bridge_questioner.has_table,
                model_change.copies,
            )
        except NoBridgeError as error:
            self.bridge_questioner.give_up(error, model_change)
            return None

    def _parts(
        self,
        model_change: ModelChange,
        found: Bridge,
        changes: Changes,
        declared: bool,
        graph: MigrationGraph,
    ) -> Changes:
        """Return the migrations of a change in their order, not yet named."""
        stock = functools.partial(detect, autodetector=self.stock, graph=graph)
        expand, contract = expand_and_contract(model_change, found.state, stock)
        for key in filled_alike(model_change, found.state):
            self.bridge_questioner.warn(".".join(key))
        phases = [
            _renaming(model_change.renamed, Stage.PRE_DEPLOY if declared else None),
            _named(expand, "expand", changes, contract),
            _copying(model_change),
            _named(contract, "contract", changes, expand),
        ]
        return combine(*phases)


def _namesakes(rename: Rename, changes: Changes) -> Iterator[str]:
    """Yield other apps that Django's questions, which name no app, confuse with it."""
    wanted = (rename.model.lower(), rename.new)
    for app_label, migrations in changes.items():
        for migration in migrations if app_label != rename.app_label else ():
            for operation in migration.operations:
                model = getattr(operation, "model_name", "").lower()
                new = getattr(operation, "new_name", getattr(operation, "name", ""))
                if (model, new) == wanted:
                    yield app_label


def _with_unmigrated(
    old: ProjectState, new: ProjectState, converted: Collection[str]
) -> ProjectState:
    """Return the old state with the models of apps that have no migrations."""
    known = old.clone()
    known.real_apps = set(old.real_apps) - set(converted)
    for key, model in new.models.items():
        if key[0] in known.real_apps:
            known.models.setdefault(key, model)
    return known


def _renaming(renamed: dict[str, list[Operation]], stage: Stage | None) -> Changes:
    phase: Changes = {}
    for app_label, operations in renamed.items():
        made = new_migration(app_label, "auto_1")
        made.operations = operations
        made.stage = stage
        phase[app_label] = [made]
    return phase


def _copying(model_change: ModelChange) -> Changes:
    phase: Changes = {}
    for (app_label, model, name), source in model_change.copies.items():
        label = model_change.new.models[app_label, model].name
        made = phase.setdefault(app_label, [new_migration(app_label, "auto_1")])[0]
        made.operations.append(copy(app_label, label, source, name).operation)
        made.part, made.suggested = "copy", f"{model}_{name}"
    return phase


def _named(phase: Changes, part: str, changes: Changes, other: Changes) -> Changes:
    """Return the migrations of a part; where an app has both, the name says which."""
    named = {
        app_label: [new_migration(app_label, each.name, each) for each in migrations]
        for app_label, migrations in phase.items()
    }
    for app_label in named.keys() & other.keys():
        whole = new_migration(app_label, "")
        whole.operations = [
            operation
            for migration in changes.get(app_label, ())
            for operation in migration.operations
        ]
        for each in named[app_label]:
            each.part = part
        named[app_label][0].suggested = whole.suggest_name()
    return named
