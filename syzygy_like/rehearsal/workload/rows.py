"""Rows that a version would write: valid by all that its models know."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from django.apps.registry import Apps
from django.core.exceptions import ValidationError
from django.db import connections, models, router

from syzygy_like.rehearsal.workload import values
from syzygy_like.schema.types import Field

if TYPE_CHECKING:
    from syzygy_like.rehearsal.workload.values import ForeignKey

Model = type[models.Model]
Fill = Callable[[Field, int], object]


class UnsuitableError(Exception):
    """The version would not do that: a rule of its own forbids it."""


OMITTED = object()


def typical(field: Field, number: int) -> object:
    """Give every field a value, but for a key that the database numbers."""
    return OMITTED if _numbered(field) else values.typical(field, number)


def sparse(field: Field, number: int) -> object:
    """Leave out all that can be left out."""
    if has_db_default(field):
        return OMITTED
    return None if field.null else typical(field, number)


def lowest(field: Field, number: int) -> object:
    """Give every field its smallest value."""
    if field.primary_key:  # To Django an empty key is hardly one.
        return typical(field, number)
    return values.lowest(field, number)


def highest(field: Field, number: int) -> object:
    """Give every field its largest value."""
    return values.highest(field, number)


def uneven(field: Field, number: int) -> object:
    """Give each field of a row another number."""
    return typical(field, number)


FILLS: tuple[Fill, ...] = (typical, sparse, lowest, highest, uneven)


class Rows:
    """Makes rows of one database, each with a number of its own."""

    def __init__(self, alias: str, start: int = 1):
        self.alias = alias
        self.numbers = itertools.count(start)
        self.extremes: dict[tuple[Model, Fill], models.Model] = {}

    def unsaved(
        self, model: Model, fill: Fill = typical, path: tuple[Model, ...] = ()
    ) -> models.Model:
        """Return a new row; the rows that it refers to are in the database."""
        number = next(self.numbers)
        row = model()
        for position, field in enumerate(written_fields(model)):
            shift = position if fill is uneven else 0
            self.assign(row, field, fill, number + shift, path)
        return row

    def assign(
        self,
        row: models.Model,
        field: Field,
        fill: Fill,
        number: int,
        path: tuple[Model, ...] = (),
    ) -> None:
        """Give a field of a row a value, unless it is left out."""
        if values.is_reference(field):
            self.refer(row, field, fill, path)
            return
        value = fill(field, number)
        if value is not OMITTED:
            setattr(row, field.attname, self.accepted(field, value))

    def accepted(self, field: Field, value: object) -> object:
        """Return a value as the field has it. Raises UnsuitableError if it has none."""
        if value is None:
            return value
        try:
            return values.accepted(field, value, connections[self.alias])
        except values.NoValueError as error:
            raise UnsuitableError from error

    def create(
        self, model: Model, fill: Fill = typical, path: tuple[Model, ...] = ()
    ) -> models.Model:
        """Return a row that is in the database."""
        return self.save(self.unsaved(model, fill, path))

    def save(self, row: models.Model) -> models.Model:
        """Insert a row, unless a rule of the models forbids it."""
        self.validate(row)
        key = row.pk
        row.save(using=self.alias, force_insert=True)
        if key is not None:
            # SQLite 3.40 returns it as a float if the first column is a REAL.
            row.pk = key
        return row

    def validate(self, row: models.Model) -> None:
        """Raise UnsuitableError for a row that breaks a rule of the models."""
        if row._state.adding and any(
            owner._base_manager.using(self.alias).filter(pk=key).exists()
            for owner, key in _keys(row)
        ):
            raise UnsuitableError
        for owner, constraint in rules(type(row)):
            self.check(row, owner, constraint)

    def check(
        self, row: models.Model, owner: Model, constraint: models.BaseConstraint
    ) -> None:
        """Raise UnsuitableError for a row that breaks a constraint."""
        try:
            constraint.validate(owner, row, using=self.alias)
        except ValidationError as error:
            raise UnsuitableError from error

    def refer(
        self, row: models.Model, field: ForeignKey, fill: Fill, path: tuple[Model, ...]
    ) -> None:
        """Let a row refer to another one. Raises UnsuitableError if there is none."""
        target = concrete(field.remote_field.model)
        path = (*path, concrete(type(row)))
        if field.null and fill is sparse:
            return
        if fill is highest and not values.has_constraint(field):
            setattr(row, field.attname, values.nowhere(final(field)))
            return
        try:
            if path.count(target) > 1:
                raise UnsuitableError
            setattr(row, field.name, self._target(target, fill, path))
        except UnsuitableError:
            if not field.null:
                raise

    def _target(
        self, model: Model, fill: Fill, path: tuple[Model, ...]
    ) -> models.Model:
        """Return a row to refer to: one for each reference, but one at the limits."""
        if fill not in (lowest, highest):
            return self.create(model, uneven if fill is uneven else typical, path)
        if (model, fill) not in self.extremes:
            self.extremes[model, fill] = self.create(model, fill, path)
        return self.extremes[model, fill]


def tables(apps: Apps, alias: str, automatic: bool = False) -> list[Model]:
    """Return the models that have a table which migrations make, by the routers."""
    connection = connections[alias]
    return [
        model
        for model in apps.get_models(include_auto_created=automatic)
        if model._meta.can_migrate(connection)
        and router.allow_migrate_model(alias, model)
    ]


def written_fields(model: Model) -> Iterator[Field]:
    """Yield the fields that a version gives values to."""
    for field in model._meta.concrete_fields:
        is_link = field.remote_field and field.remote_field.parent_link
        if not field.generated and not is_link:
            yield field


def concrete(model: Model) -> Model:
    """Return the model whose table a model's rows are in, itself but for a proxy."""
    found: Model | None = model._meta.concrete_model
    return found or model


def owners(model: Model) -> list[Model]:
    """Return the models in whose tables a model's rows are."""
    return [concrete(model), *model._meta.all_parents]


def key_fields(model: Model) -> list[object]:
    """Return the fields of a model's primary key, and of its parents'."""
    return [field for owner in owners(model) for field in owner._meta.pk_fields]


def rules(model: Model) -> Iterator[tuple[Model, models.BaseConstraint]]:
    """Yield the constraints on a model's rows, each with the model that has it."""
    for owner in owners(model):
        unique = [
            (field.name,)
            for field in owner._meta.local_fields
            if field.unique and not field.primary_key
        ]
        for names in (*unique, *owner._meta.unique_together):
            yield owner, models.UniqueConstraint(fields=names, name="_".join(names))
        for constraint in owner._meta.constraints:
            yield owner, constraint


def final(field: Field) -> Field:
    """Return the field at the end of a chain of references."""
    while values.is_reference(field):
        field = field.target_field
    return field


def _numbered(field: Field) -> bool:
    return field.get_internal_type() in values.AUTOS and field.primary_key


def has_db_default(field: Field) -> bool:
    """Tell whether the database has a value for a field that is left out."""
    return field.db_default is not models.NOT_PROVIDED


def _keys(row: models.Model) -> Iterator[tuple[Model, object]]:
    """Yield the primary keys that a row has been given, its parents' too."""
    for owner in owners(type(row)):
        parts = [getattr(row, field.attname) for field in owner._meta.pk_fields]
        if not any(part is None or hasattr(part, "as_sql") for part in parts):
            yield owner, tuple(parts) if len(parts) > 1 else parts[0]
