"""The constraints of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.db import models
from django.db.migrations.state import ModelState
from django.db.models.constraints import BaseConstraint
from django.db.models.options import normalize_together

from syzygy_like.schema.expressions import Columns, freeze
from syzygy_like.schema.tables import Constraint
from syzygy_like.schema.types import Field


def constraints_of(
    model: ModelState, fields: Mapping[str, Field], names: Mapping[str, str]
) -> frozenset[Constraint]:
    """Return a model's constraints; ``names`` are the columns of its fields."""
    return frozenset(
        [
            *_of_fields(fields, names),
            *_of_unique_together(model, names),
            *(
                _of_constraint(each, names)
                for each in model.options.get("constraints", ())
            ),
        ]
    )


def _of_fields(
    fields: Mapping[str, Field], names: Mapping[str, str]
) -> Iterator[Constraint]:
    for name, field in fields.items():
        if field.unique and not field.primary_key and name in names:
            yield Constraint("unique", frozenset({names[name]}))


def _of_unique_together(
    model: ModelState, names: Mapping[str, str]
) -> Iterator[Constraint]:
    for together in normalize_together(model.options.get("unique_together", ())):
        columns = frozenset(names.get(name, name) for name in together)
        yield Constraint("unique", columns)


def _of_constraint(constraint: BaseConstraint, names: Mapping[str, str]) -> Constraint:
    if isinstance(constraint, models.UniqueConstraint):
        return _of_unique_constraint(constraint, names)
    columns = Columns(names)
    path, args, kwargs = constraint.deconstruct()
    kind = _kind(path)
    rule = {
        name: arg
        for name, arg in kwargs.items()
        if name != "name" and name not in BaseConstraint.non_db_attrs
    }
    if path.endswith(".ExclusionConstraint"):
        rule["expressions"] = [
            (models.F(each) if isinstance(each, str) else each, operator)
            for each, operator in rule["expressions"]
        ]
    key = freeze((path, args, rule), columns)
    return Constraint(
        kind,
        frozenset(columns.used),
        key=key,
        rule=freeze(rule["condition"], columns) if kind == "check" else None,
        name=constraint.name,
    )


def _kind(path: str) -> str:
    known = {"CheckConstraint": "check", "ExclusionConstraint": "exclusion"}
    return known.get(path.rpartition(".")[2], path)


def _of_unique_constraint(
    constraint: models.UniqueConstraint, names: Mapping[str, str]
) -> Constraint:
    columns = Columns(names)
    for name in constraint.fields:
        columns.resolve(name)
    key = freeze(constraint.expressions, columns) if constraint.expressions else None
    condition = freeze(constraint.condition, columns) if constraint.condition else None
    return Constraint(
        "unique",
        frozenset(columns.used)
        if constraint.expressions
        else frozenset(names.get(name, name) for name in constraint.fields),
        key=key,
        condition=condition,
        nulls_distinct=constraint.nulls_distinct is not False,
        deferrable=constraint.deferrable is not None,
        optional=bool(getattr(constraint, "include", ()))
        or constraint.nulls_distinct is not None,
        name=constraint.name,
    )
