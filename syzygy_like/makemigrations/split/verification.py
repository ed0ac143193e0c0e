"""Whether the parts that were written do what the migration did."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db.migrations.state import ModelState
from django.db.migrations.writer import MigrationWriter

from syzygy_like.makemigrations.split import file_messages
from syzygy_like.makemigrations.split.migration import MigrationToSplit
from syzygy_like.planning.history import History, on_disk
from syzygy_like.planning.resolver import Policy, resolve
from syzygy_like.schema.tracking import SchemaPair, Tracker

Models = dict[tuple[str, str], Any]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a migration leaves: the tables and models then, the models in the end."""

    schemas: SchemaPair
    then: Models
    end: Models


def outcome(subject: MigrationToSplit) -> Outcome:
    """Return what a migration leaves."""
    tracker = subject.before()
    subject.history.read(tracker, subject.migration)
    return _outcome(subject.history, tracker)


def verify(subject: MigrationToSplit, names: Sequence[str], expected: Outcome) -> None:
    """
    Look whether the files there are now come to the same.

    Raises CommandError if they do not, and whatever loading them raises.
    """
    forget(subject, names)
    history = on_disk()
    keys = [(subject.key[0], name) for name in names]
    first, last = history.plan.index(keys[0]), history.plan.index(keys[-1])
    tracker = history.at(history.plan[:first])
    for key in history.plan[first : last + 1]:
        migration, schemas = history.loader.graph.nodes[key], tracker.schemas
        step = history.read(tracker, migration)
        if key in keys and not resolve(step, schemas, Policy()).stage:
            raise CommandError(file_messages.part_without_stage(migration))
    if _outcome(history, tracker) != expected:
        raise CommandError(file_messages.other_outcome(subject.migration))


def forget(subject: MigrationToSplit, names: Sequence[str]) -> None:
    """Let modules be imported anew."""
    for name in names:
        sys.modules.pop(f"{subject.package}.{name}", None)
    importlib.invalidate_caches()


def _outcome(history: History, tracker: Tracker) -> Outcome:
    final = history.at(history.plan)
    return Outcome(tracker.schemas, _models(tracker), _models(final))


def _models(tracker: Tracker) -> Models:
    return {key: _described(state) for key, state in tracker.state.models.items()}


def _described(state: ModelState) -> Any:
    """Return all that there is to a model, to compare even with a module's new copy."""
    fields = {name: _text(field) for name, field in state.fields.items()}
    rest = [state.name, state.options, state.bases, state.managers]
    return fields, [_text(each) for each in rest]


def _text(value: Any) -> str:
    with contextlib.suppress(Exception):  # a lambda, for instance, cannot be written
        return MigrationWriter.serialize(value)[0]
    parts = value.deconstruct()[1:] if hasattr(value, "deconstruct") else value
    return re.sub(r" at 0x[0-9a-f]+", "", repr(parts))
