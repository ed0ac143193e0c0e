"""A migration tried out: how far each of its operations can be carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.migrations import AddField, Migration
from django.db.migrations.operations.base import Operation
from django.db.models.fields import NOT_PROVIDED

from syzygy_like.compatibility import Problem, avoidable, incompatibilities
from syzygy_like.expand_contract.bridge import NoBridgeError, OneOffs, bridge
from syzygy_like.expand_contract.change import Changes, one_offs, ordered
from syzygy_like.expand_contract.halves import detect
from syzygy_like.expand_contract.simulation.partial import Elsewhere, Historical
from syzygy_like.expand_contract.simulation.refusals import (
    NoHalvesError,
    Obstacle,
    collides,
    inherits_twice,
    leaves,
    moves,
)
from syzygy_like.expand_contract.simulation.scope import Scope
from syzygy_like.schema import ModelKey, Schema
from syzygy_like.schema.effects import Effect, Reader
from syzygy_like.schema.tracking import SchemaPair, Tracker


class OperationSplitter:
    """
    Carries out a migration on copies of what is written and of what is built.

    ``codes`` are what the codes that may be serving expect. ``touched`` are the models
    of which something is left to be done, ``one_offs`` the values for rows that exist.
    """

    def __init__(
        self,
        migration: Migration,
        codes: Sequence[Schema],
        declared: Tracker,
        applied: Tracker,
        reader: Reader,
    ):
        self.migration = migration
        self.codes = codes
        self.declared = declared.fork()
        self.applied = applied.fork()
        self.reader = reader
        self.touched: set[ModelKey] = set()
        self.one_offs: OneOffs = {}

    def take(self, operation: Operation) -> Operation | None:
        """
        Carry out an operation as it is written. Raises NoHalvesError.

        None is returned if nothing of what it is about is built.
        """
        effect = self._write(operation)
        self._refuse(operation, effect)
        native, native_effect = self._natively(operation)
        if _is_idle(effect, native_effect):
            return None
        self.applied = native
        return self._with_models(operation, effect)

    def expand(self, operation: Operation) -> Iterator[Operation]:
        """Yield what can be carried out of an operation. Raises NoHalvesError."""
        before = SchemaPair(self.declared.schemas.code, self.applied.schemas.database)
        effect = self._write(operation)
        self._refuse(operation, effect)
        if effect.writes and self._finds_null():
            raise self._error(operation, Obstacle.NULLS)
        native, native_effect = self._natively(operation)
        if _is_idle(effect, native_effect):
            self.touched |= native.refreshed
            return
        changed = native_effect.database.tables | effect.code.tables
        old, new = self._new_problems(before, native.schemas.database, changed)
        if not (old or new):
            self.applied = native
            yield self._with_models(operation, effect)
            return
        obstacle = self._obstacle(effect)
        if obstacle is not None:
            raise self._error(operation, obstacle, old, new)
        yield from self._loosened(operation, native, before.code)

    def _refuse(self, operation: Operation, effect: Effect) -> None:
        """Raise NoHalvesError if an operation cannot be carried out at all by now."""
        if collides(effect.database, self.applied.schemas.database):
            raise self._error(operation, Obstacle.TAKEN)
        if leaves(effect.code, self.applied.schemas.code):
            raise self._error(operation, Obstacle.LEAVES)

    def _write(self, operation: Operation) -> Effect:
        return self._on(self.declared, operation)

    def _natively(self, operation: Operation) -> tuple[Tracker, Effect]:
        native = self.applied.fork()
        effect = self._on(native, operation)
        if inherits_twice(native.state):
            raise self._error(operation, Obstacle.TAKEN)
        return native, effect

    def _on(self, tracker: Tracker, operation: Operation) -> Effect:
        try:
            effect = self.reader.effect(tracker, self.migration.app_label, operation)
        except Exception as error:  # whatever it raises that has come too early
            raise self._error(operation, Obstacle.EARLY) from error
        return effect

    def _with_models(self, operation: Operation, effect: Effect) -> Operation:
        """Return an operation that has the models that it expects."""
        if effect.writes and not effect.database:
            return Historical(operation, self.declared.state.clone())
        return operation

    def _finds_null(self) -> bool:
        """Tell whether a row of the code now serving may lack a value."""
        found = incompatibilities(
            self.declared.schemas.code, self.applied.schemas.database
        )
        return any(
            each.rule == "null-read" and each.column in code.tables[each.table].columns
            for each in found
            for code in self.codes
            if each.table in code.tables
        )

    def _new_problems(
        self, before: SchemaPair, database: Schema, only: frozenset[str]
    ) -> tuple[list[Problem], list[Problem]]:
        """Return what the codes lose when the database becomes another one."""
        tables = (each for code in self.codes for each in code.tables.items())
        rows = Schema(dict(tables))

        def problems(code: Schema, database: Schema) -> list[Problem]:
            # The rows that exist are those of the codes that may be serving.
            return avoidable(incompatibilities(code, database, rows, only=only))

        def lost(earlier: Schema, code: Schema) -> list[Problem]:
            known = set(problems(earlier, before.database))
            return [each for each in problems(code, database) if each not in known]

        old = [each for code in self.codes for each in lost(code, code)]
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

    def _loosened(
        self, operation: Operation, native: Tracker, before: Schema
    ) -> Iterator[Operation]:
        """Yield what leads to where both codes can run, on the way to an operation."""
        self.touched |= native.refreshed
        alone = type("Migration", (Migration,), {"operations": [operation]})
        self.one_offs.update(one_offs([alone("", self.migration.app_label)]))
        scope = Scope(native.refreshed, self.applied, native)
        try:
            found = bridge(
                scope.old,
                scope.new,
                self.reader.database_defaults,
                self.one_offs,
                self.applied.presence,
                codes=scope.codes(self.codes, before, self.declared.schemas.code),
            )
        except NoBridgeError as error:
            problems = [error.problem] if error.problem else []
            sides = (problems, []) if error.old else ([], problems)
            raise self._error(operation, Obstacle.BREAKS, *sides) from error
        for each in flattened(detect(scope.old, found.state), self.migration.app_label):
            made = self._filled(each)
            self._on(self.applied, made)
            yield made

    def _filled(self, operation: Operation) -> Operation:
        """Return an operation that gives rows the value that Django would give them."""
        if not isinstance(operation, AddField) or operation.field.many_to_many:
            return operation
        field: Any = operation.field
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
        old: Iterable[Problem] = (),
        new: Iterable[Problem] = (),
    ) -> NoHalvesError:
        return NoHalvesError(self.migration, operation, obstacle, old, new)


def _is_idle(declared: Effect, applied: Effect) -> bool:
    """Tell whether what is written changes, and what is built does not."""
    return declared.plain and bool(declared.database) and not applied.database


def flattened(changes: Changes, app_label: str) -> Iterator[Operation]:
    """Yield operations of several apps as those of one."""
    for migration in ordered(changes):
        for operation in migration.operations:
            own = migration.app_label == app_label
            yield operation if own else Elsewhere(migration.app_label, operation)
