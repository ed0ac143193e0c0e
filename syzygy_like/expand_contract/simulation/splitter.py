"""How far each operation of a migration can be applied while both versions run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from django.db.migrations import AddField, Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.bridge import (
    NoBridgeError,
    OneOffs,
    Versions,
    bridge,
    mutual_problems,
)
from syzygy_like.expand_contract.change import Changes, one_offs, sort_by_dependencies
from syzygy_like.expand_contract.parts import detect
from syzygy_like.expand_contract.simulation.partial import (
    HistoricalOperation,
    OtherAppOperation,
)
from syzygy_like.expand_contract.simulation.refusals import (
    CannotSplitError,
    Obstacle,
    collides,
    inherits_twice,
    leaves,
    moves,
)
from syzygy_like.schema import ModelKey, Schema
from syzygy_like.schema.effects import Effect, Reader
from syzygy_like.schema.names import targets
from syzygy_like.schema.tracking import SchemaPair, Tracker


class OperationSplitter:
    """
    Applies a migration to copies of the declared and of the applied state.

    ``serving`` are the schemas of the versions that may be serving. ``touched`` are
    the models of which something is left to be done, ``one_offs`` the values for rows
    that exist.
    """

    def __init__(
        self,
        migration: Migration,
        serving: Sequence[Schema],
        declared: Tracker,
        applied: Tracker,
        reader: Reader,
    ):
        self.migration = migration
        self.serving = serving
        self.declared = declared.fork()
        self.applied = applied.fork()
        self.reader = reader
        self.touched: set[ModelKey] = set()
        self.one_offs: OneOffs = {}

    def take(self, operation: Operation) -> Operation | None:
        """
        Apply an operation as it is declared. Raises CannotSplitError.

        None is returned if nothing of what it is about has been applied.
        """
        effect = self._declare(operation)
        self._refuse(operation, effect)
        whole, whole_effect = self._apply_whole(operation)
        if _is_idle(effect, whole_effect):
            return None
        self.applied = whole
        return self._with_models(operation, effect)

    def expand(self, operation: Operation) -> Iterator[Operation]:
        """Yield what can be applied of an operation. Raises CannotSplitError."""
        before = SchemaPair(self.declared.schemas.code, self.applied.schemas.database)
        effect = self._declare(operation)
        self._refuse(operation, effect)
        if effect.writes and self._finds_null():
            raise self._error(operation, Obstacle.NULLS)
        whole, whole_effect = self._apply_whole(operation)
        if _is_idle(effect, whole_effect):
            self.touched |= whole.refreshed
            return
        changed = whole_effect.database.tables | effect.code.tables
        old, new = self._new_problems(before, whole.schemas.database, changed)
        if not (old or new):
            self.applied = whole
            yield self._with_models(operation, effect)
            return
        obstacle = self._obstacle(effect)
        if obstacle is not None:
            raise self._error(operation, obstacle, old, new)
        yield from self._relax(operation, whole, before.code)

    def _refuse(self, operation: Operation, effect: Effect) -> None:
        """Raise CannotSplitError if an operation cannot be applied at all by now."""
        if collides(effect.database, self.applied.schemas.database):
            raise self._error(operation, Obstacle.TAKEN)
        if leaves(effect.code, self.applied.schemas.code):
            raise self._error(operation, Obstacle.LEAVES)

    def _declare(self, operation: Operation) -> Effect:
        return self._apply(self.declared, operation)

    def _apply_whole(self, operation: Operation) -> tuple[Tracker, Effect]:
        whole = self.applied.fork()
        effect = self._apply(whole, operation)
        if inherits_twice(whole.state):
            raise self._error(operation, Obstacle.TAKEN)
        return whole, effect

    def _apply(self, tracker: Tracker, operation: Operation) -> Effect:
        try:
            effect = self.reader.effect(tracker, self.migration.app_label, operation)
        except Exception as error:  # whatever it raises that has come too early
            raise self._error(operation, Obstacle.EARLY) from error
        return effect

    def _with_models(self, operation: Operation, effect: Effect) -> Operation:
        """Return an operation that has the models that it expects."""
        if effect.writes and not effect.database:
            return HistoricalOperation(operation, self.declared.state.clone())
        return operation

    def _finds_null(self) -> bool:
        """Tell whether a row of the old version may lack a value."""
        found = incompatibilities(
            self.declared.schemas.code, self.applied.schemas.database
        )
        return any(
            each.rule == "null-read" and each.column in code.tables[each.table].columns
            for each in found
            for code in self.serving
            if each.table in code.tables
        )

    def _new_problems(
        self, before: SchemaPair, database: Schema, only: frozenset[str]
    ) -> tuple[list[Problem], list[Problem]]:
        """Return what the versions lose when the database becomes another one."""
        tables = (each for code in self.serving for each in code.tables.items())
        rows = Schema(dict(tables))

        def problems(code: Schema, database: Schema) -> list[Problem]:
            # The rows that exist are those of the versions that may be serving.
            return avoidable(incompatibilities(code, database, rows, only=only))

        def lost(earlier: Schema, code: Schema) -> list[Problem]:
            known = set(problems(earlier, before.database))
            return [each for each in problems(code, database) if each not in known]

        old = [each for code in self.serving for each in lost(code, code)]
        return old, lost(before.code, self.declared.schemas.code)

    def _obstacle(self, effect: Effect) -> Obstacle | None:
        if not effect.plain or self._differs(effect.database.tables):
            return Obstacle.UNREADABLE
        return Obstacle.MOVES if moves(effect.database) else None

    def _differs(self, names: frozenset[str]) -> bool:
        """Tell whether the database has something else than its state says."""
        schemas = self.applied.schemas
        return any(
            schemas.code.tables.get(name) != schemas.database.tables.get(name)
            for name in names
        )

    def _relax(
        self, operation: Operation, whole: Tracker, before: Schema
    ) -> Iterator[Operation]:
        """Yield what leads to where both versions run, on the way to an operation."""
        self.touched |= whole.refreshed
        alone = type("Migration", (Migration,), {"operations": [operation]})
        self.one_offs.update(one_offs([alone("", self.migration.app_label)]))
        scope = Scope(whole.refreshed, self.applied, whole)
        try:
            found = bridge(
                scope.old,
                scope.new,
                self.reader.database_defaults,
                self.one_offs,
                self.applied.has_table,
                versions=scope.versions(
                    self.serving, before, self.declared.schemas.code
                ),
            )
        except NoBridgeError as error:
            problems = [error.problem] if error.problem else []
            sides = (problems, []) if error.old else ([], problems)
            raise self._error(operation, Obstacle.BREAKS, *sides) from error
        for each in flatten(detect(scope.old, found.state), self.migration.app_label):
            made = self._filled(each)
            self._apply(self.applied, made)
            yield made

    def _filled(self, operation: Operation) -> Operation:
        """Return an operation that gives rows the value that Django would give them."""
        if not isinstance(operation, AddField) or operation.field.many_to_many:
            return operation
        field = operation.field
        if field.has_default() or field.db_default is not NOT_PROVIDED:
            return operation
        key = (self.migration.app_label, operation.model_name_lower)
        asked = self.declared.state.models[key].fields[operation.name]
        one_off = self.one_offs.get((*key, operation.name), NOT_PROVIDED)
        value = self.reader.database_defaults.value_for(asked, one_off)
        if value is NOT_PROVIDED:
            return operation
        field = field.clone()
        field.default = value
        return AddField(
            operation.model_name, operation.name, field, preserve_default=False
        )

    def _error(
        self,
        operation: Operation,
        obstacle: Obstacle,
        old: Sequence[Problem] = (),
        new: Sequence[Problem] = (),
    ) -> CannotSplitError:
        return CannotSplitError(self.migration, operation, obstacle, old, new)


def _is_idle(declared: Effect, applied: Effect) -> bool:
    """Tell whether the declared state changes, and the applied one does not."""
    return declared.plain and bool(declared.database) and not applied.database


def flatten(changes: Changes, app_label: str) -> Iterator[Operation]:
    """Yield operations of several apps as those of one."""
    for migration in sort_by_dependencies(changes):
        for operation in migration.operations:
            own = migration.app_label == app_label
            yield (
                operation if own else OtherAppOperation(migration.app_label, operation)
            )


class Scope:
    """
    The models that an operation touches, those around them, and their tables.

    Around them is what refers to them, and whatever these refer to. The rest of a
    large project is the same on both sides, and need not be compared.
    """

    def __init__(self, touched: Collection[ModelKey], applied: Tracker, whole: Tracker):
        states = (applied.state, whole.state)
        self.keys = _around(touched, *states)
        self.old, self.new = (self._part(state) for state in states)
        tables = (*applied.tables_of(self.keys), *whole.tables_of(self.keys))
        self.names = frozenset(tables)
        self.applied = self._only(applied.schemas.code)

    def versions(self, olds: Iterable[Schema], before: Schema, new: Schema) -> Versions:
        """
        Return what versions expect here; ``before`` is what the new one did.

        What they cannot do on what is applied already is tolerated.
        """
        olds = [self._only(old) for old in olds]
        before, new = self._only(before), self._only(new)
        tolerated = set(mutual_problems(olds, before, self.applied.tables))
        return Versions(olds, new, tolerated)

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
