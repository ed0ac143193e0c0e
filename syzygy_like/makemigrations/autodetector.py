"""Django's autodetector, whose changes come out so that they can be rolled out."""

from __future__ import annotations

import enum
import functools
from collections.abc import Collection, Iterator
from typing import Any, Protocol

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract import renames
from syzygy_like.expand_contract.bridge import Bridge, NoBridgeError, bridge
from syzygy_like.expand_contract.change import Changes, ModelChange, ordered, release_of
from syzygy_like.expand_contract.data_functions import copy
from syzygy_like.expand_contract.halves import detect, halves, repeated
from syzygy_like.expand_contract.naming import combined, new_migration, suffix
from syzygy_like.expand_contract.renames import Rename
from syzygy_like.makemigrations.questioner import ReplayingQuestioner
from syzygy_like.schema import Presence
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.stages import Stage


class Choice(enum.Enum):
    """What becomes of the column or table of what was renamed."""

    COPY = enum.auto()
    RENAME = enum.auto()


class Author(Protocol):
    """
    Whoever wants the migrations.

    ``choose`` returns what to do about a rename. ``give_up`` is told that there is
    no bridge; it returns if the change is to be made all the same. Both may raise.
    ``separate`` is told of two apps whose questions cannot be told apart, and raises;
    ``warn`` is told of unique fields that get one value in all rows.
    """

    presence: Presence

    @property
    def database_defaults(self) -> DatabaseDefaults: ...

    def choose(self, rename: Rename) -> Choice: ...

    def give_up(self, error: NoBridgeError, model_change: ModelChange) -> None: ...

    def separate(self, app_label: str, other: str) -> None: ...

    def warn(self, field: str) -> None: ...


def bridging(
    detector: type[MigrationAutodetector], author: Author
) -> type[MigrationAutodetector]:
    """Return an autodetector like another one that splits what has to be split."""
    bases = (BridgingAutodetector, detector)
    return type(detector.__name__, bases, {"stock": detector, "author": author})


class BridgingAutodetector(MigrationAutodetector):
    """Gives Django's changes, or two halves of them where both sides are needed."""

    stock: type[MigrationAutodetector]
    author: Author

    def changes(
        self,
        graph: MigrationGraph,
        trim_to_apps: Any = None,
        convert_apps: Any = None,
        migration_name: str | None = None,
    ) -> Changes:
        """Return by app the migrations to write, as Django's method does."""
        # Django takes options away from both.
        states = self.from_state.clone(), self.to_state.clone()
        memory: Any = ReplayingQuestioner(self.questioner)
        self.questioner = memory
        arguments = (graph, trim_to_apps, convert_apps, migration_name)
        changes: Changes = super().changes(*arguments)
        if not changes:
            return changes
        # Apps that get their first migrations are apps like others from here on.
        old = _with_unmigrated(*states, convert_apps or ())
        declared = self._choose(changes, old, memory)
        if memory.copied:
            memory.rewind()
            again = self.stock(states[0].clone(), states[1].clone(), memory)
            changes = again.changes(*arguments)
        model_change = release_of(
            changes, old, self.author.database_defaults, memory.copied
        )
        found = self._bridge(model_change)
        if found is None or not (found.mixed or declared):
            return changes
        parts = self._parts(model_change, found, changes, declared, graph)
        self.arrange_for_graph(parts, graph, migration_name)
        suffix(parts)
        return parts

    def _choose(
        self, changes: Changes, old: ProjectState, memory: ReplayingQuestioner
    ) -> bool:
        """Ask what becomes of each rename; tell whether any is to be done as it is."""
        operations = renames.of_names(ordered(changes))
        declared = False
        for rename in renames.physical(operations, old, self.author.presence):
            if self.author.choose(rename) is Choice.COPY:
                for other in _namesakes(rename, changes):
                    self.author.separate(rename.app_label, other)
                names = (rename.model.lower(), rename.old, rename.new)
                memory.copied.add(names)
            else:
                declared = True
        return declared

    def _bridge(self, model_change: ModelChange) -> Bridge | None:
        """Return the bridge, None if the author wants to go on without one."""
        try:
            return bridge(
                model_change.old,
                model_change.new,
                model_change.database_defaults,
                model_change.one_offs,
                self.author.presence,
                model_change.copies,
            )
        except NoBridgeError as error:
            self.author.give_up(error, model_change)
            return None

    def _parts(
        self,
        model_change: ModelChange,
        found: Bridge,
        changes: Changes,
        declared: bool,
        graph: MigrationGraph,
    ) -> Changes:
        """Return the migrations of a release in their order, to be named."""
        stock = functools.partial(detect, autodetector=self.stock, graph=graph)
        first, last = halves(model_change, found.state, stock)
        for key in repeated(model_change, found.state):
            self.author.warn(".".join(key))
        phases = [
            _renaming(model_change.renamed, Stage.PRE_DEPLOY if declared else None),
            _named(first, "expand", changes, last),
            _copying(model_change),
            _named(last, "contract", changes, first),
        ]
        return combined(*phases)


def _namesakes(rename: Rename, changes: Changes) -> Iterator[str]:
    """Yield other apps with a new field of the same name: questions name no app."""
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
        made.half, made.suggested = "copy", f"{model}_{name}"
    return phase


def _named(phase: Changes, half: str, changes: Changes, other: Changes) -> Changes:
    """Return the parts of one half; what has both halves says which one it is."""
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
            each.half = half
        named[app_label][0].suggested = whole.suggest_name()
    return named
