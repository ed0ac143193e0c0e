"""Whether the parts that were written do the same as the migration."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import re
import sys
from collections.abc import Sequence

from django.core.management.base import CommandError
from django.db.migrations.state import ModelState
from django.db.migrations.writer import MigrationWriter

from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.migration import MigrationToSplit
from syzygy_like.planning.history import History, on_disk
from syzygy_like.planning.policy import Policy
from syzygy_like.planning.resolver import resolve
from syzygy_like.schema.tracking import SchemaPair, Tracker

# A model's fields, name, options, bases and managers, as text.
Description = tuple[dict[str, str], list[str]]
Models = dict[tuple[str, str], Description]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The tables and models after a migration, and the models after the whole plan."""

    schemas: SchemaPair
    then: Models
    end: Models


def outcome(target: MigrationToSplit) -> Outcome:
    """Return the outcome of a migration."""
    tracker = target.before()
    target.history.read(tracker, target.migration)
    return _outcome(target.history, tracker)


def verify(target: MigrationToSplit, names: Sequence[str], expected: Outcome) -> None:
    """
    Compare the outcome of the files that were written with the one expected.

    Raises CommandError if it differs, and whatever loading the files raises.
    """
    forget(target, names)
    history = on_disk()
    keys = [(target.key[0], name) for name in names]
    first, last = history.plan.index(keys[0]), history.plan.index(keys[-1])
    tracker = history.at(history.plan[:first])
    for key in history.plan[first : last + 1]:
        migration, schemas = history.loader.graph.nodes[key], tracker.schemas
        step = history.read(tracker, migration)
        if key in keys and not resolve(step, schemas, Policy()).stage:
            raise CommandError(messages.part_without_stage(migration))
    if _outcome(history, tracker) != expected:
        raise CommandError(messages.other_outcome(target.migration))


def forget(target: MigrationToSplit, names: Sequence[str]) -> None:
    """Let modules be imported again."""
    for name in names:
        sys.modules.pop(f"{target.package}.{name}", None)
    importlib.invalidate_caches()


def _outcome(history: History, tracker: Tracker) -> Outcome:
    final = history.at(history.plan)
    return Outcome(tracker.schemas, _models(tracker), _models(final))


def _models(tracker: Tracker) -> Models:
    return {key: _described(state) for key, state in tracker.state.models.items()}


def _described(state: ModelState) -> Description:
    """Return a model as text, which is equal for a new copy of a module, too."""
    fields = {name: _text(field) for name, field in state.fields.items()}
    rest = (state.name, state.options, state.bases, state.managers)
    return fields, [_text(each) for each in rest]


def _text(value: object) -> str:
    with contextlib.suppress(Exception):  # a lambda, for instance, cannot be written
        return MigrationWriter.serialize(value)[0]
    parts = value.deconstruct()[1:] if hasattr(value, "deconstruct") else value
    return re.sub(r" at 0x[0-9a-f]+", "", repr(parts))
