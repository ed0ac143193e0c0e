"""The part of two states that one operation is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.migrations.state import ProjectState

from syzygy_like.expand_contract.bridge import Codes, mutual_problems
from syzygy_like.schema import ModelKey, Schema
from syzygy_like.schema.names import targets
from syzygy_like.schema.tracking import Tracker


class Scope:
    """
    The models that an operation touches, those around them, and their tables.

    Around them is what refers to them, and whatever these refer to. The rest of a
    large project is the same on both sides, and need not be compared.
    """

    def __init__(
        self, touched: Collection[ModelKey], applied: Tracker, native: Tracker
    ):
        states = (applied.state, native.state)
        self.keys = _around(touched, *states)
        self.old, self.new = (self._part(state) for state in states)
        tables = (*applied.tables_of(self.keys), *native.tables_of(self.keys))
        self.names = frozenset(tables)
        self.applied = self._only(applied.schemas.code)

    def codes(self, olds: Iterable[Schema], before: Schema, new: Schema) -> Codes:
        """
        Return what codes expect here; ``before`` is what the new one did.

        What they cannot do on what is built already is tolerated.
        """
        olds = [self._only(old) for old in olds]
        before, new = self._only(before), self._only(new)
        tolerated = set(mutual_problems(olds, before, self.applied.tables))
        return Codes(olds, new, tolerated)

    def _part(self, state: ProjectState) -> ProjectState:
        models = {key: each for key, each in state.models.items() if key in self.keys}
        return ProjectState(models, state.real_apps)

    def _only(self, schema: Schema) -> Schema:
        tables = schema.tables.items()
        return Schema({name: table for name, table in tables if name in self.names})


def _around(touched: Collection[ModelKey], *states: ProjectState) -> set[ModelKey]:
    related: dict[ModelKey, set[ModelKey]] = defaultdict(set)
    for state in states:
        for key, model in state.models.items():
            related[key].update(targets(model))
    found = set(touched)
    found |= {key for key, others in related.items() if not found.isdisjoint(others)}
    queue = list(found)
    for key in queue:
        new = related[key] - found
        found |= new
        queue.extend(new)
    return found
