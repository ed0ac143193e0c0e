"""Rows that a model's code would write: valid by all that the code knows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from tests import values

Fill = Callable[[models.Field, int], Any]


class Unsuitable(Exception):
    """The code would not do that: a rule of its own forbids it."""


OMITTED = object()


def typical(field: models.Field, number: int) -> Any:
    return OMITTED if _numbered(field) else values.typical(field, number)


def sparse(field: models.Field, number: int) -> Any:
    """Leave out all that can be left out."""
    if _has_db_default(field):
        return OMITTED
    return None if field.null else typical(field, number)


def lowest(field: models.Field, number: int) -> Any:
    if field.primary_key:  # To Django an empty key is hardly one.
        return typical(field, number)
    return values.lowest(field, number)


def highest(field: models.Field, number: int) -> Any:
    return values.highest(field, number)


def uneven(field: models.Field, number: int) -> Any:
    """Give each field of a row another number."""
    return typical(field, number)


FILLS: tuple[Fill, ...] = (typical, sparse, lowest, highest, uneven)


class Rows:
    """Makes rows of one database, each with a number of its own."""

    def __init__(self, alias: str, start: int = 1):
        self.alias = alias
        self.numbers = itertools.count(start)
        self.extremes: dict[tuple[type[models.Model], Fill], models.Model] = {}

    def unsaved(
        self,
        model: type[models.Model],
        fill: Fill = typical,
        path: tuple[type[models.Model], ...] = (),
    ) -> models.Model:
        """Return a new row; the rows that it refers to are in the database."""
        number = next(self.numbers)
        row = model()
        for position, field in enumerate(written_fields(model)):
            if field.remote_field:
                self._refer(row, field, fill, path)
                continue
            value = fill(field, number + (position if fill is uneven else 0))
            if value is not OMITTED:
                setattr(row, field.attname, value)
        return row

    def create(
        self,
        model: type[models.Model],
        fill: Fill = typical,
        path: tuple[type[models.Model], ...] = (),
    ) -> models.Model:
        """Return a row that is in the database."""
        return self.save(self.unsaved(model, fill, path))

    def save(self, row: models.Model) -> models.Model:
        """Insert a row, unless a rule that the code knows forbids it."""
        self.validate(row)
        row.save(using=self.alias, force_insert=True)
        return row

    def validate(self, row: models.Model) -> None:
        """Raise Unsuitable for a row that breaks a rule which the code knows."""
        if row._state.adding and any(
            owner._base_manager.using(self.alias).filter(pk=key).exists()
            for owner, key in _keys(row)
        ):
            raise Unsuitable
        for owner, constraint in rules(type(row)):
            try:
                constraint.validate(owner, row, using=self.alias)
            except ValidationError as error:
                raise Unsuitable from error

    def _refer(
        self,
        row: models.Model,
        field: models.ForeignKey,
        fill: Fill,
        path: tuple[type[models.Model], ...],
    ) -> None:
        target = field.remote_field.model._meta.concrete_model
        path = (*path, type(row)._meta.concrete_model)
        if field.null and fill is sparse:
            return
        if fill is highest and not field.db_constraint:
            setattr(row, field.attname, values.nowhere(final(field)))
            return
        try:
            if path.count(target) > 1:
                raise Unsuitable
            setattr(row, field.name, self._target(target, fill, path))
        except Unsuitable:
            if not field.null:
                raise

    def _target(
        self,
        model: type[models.Model],
        fill: Fill,
        path: tuple[type[models.Model], ...],
    ) -> models.Model:
        """Return a row to refer to: one for each reference, but one at the limits."""
        if fill not in (lowest, highest):
            return self.create(model, uneven if fill is uneven else typical, path)
        if (model, fill) not in self.extremes:
            self.extremes[model, fill] = self.create(model, fill, path)
        return self.extremes[model, fill]


def written_fields(model: type[models.Model]) -> Iterator[models.Field]:
    """Yield the fields that code gives values to."""
    for field in model._meta.concrete_fields:
        is_link = field.remote_field and field.remote_field.parent_link
        if not field.generated and not is_link:
            yield field


def owners(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models in whose tables a model's rows are."""
    return [model._meta.concrete_model, *model._meta.all_parents]


def rules(
    model: type[models.Model],
) -> Iterator[tuple[type[models.Model], models.BaseConstraint]]:
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


def _numbered(field: models.Field) -> bool:
    return field.get_internal_type() in values.AUTOS and field.primary_key


def _has_db_default(field: models.Field) -> bool:
    return field.db_default is not models.NOT_PROVIDED


def _keys(row: models.Model) -> Iterator[tuple[type[models.Model], Any]]:
    """Yield the primary keys that a row has been given, its parents' too."""
    for owner in owners(type(row)):
        parts = [getattr(row, field.attname) for field in owner._meta.pk_fields]
        if not any(part is None or hasattr(part, "as_sql") for part in parts):
            yield owner, tuple(parts) if len(parts) > 1 else parts[0]


def final(field: models.Field) -> models.Field:
    """Return the field at the end of a chain of references."""
    while field.remote_field:
        field = field.target_field
    return field
