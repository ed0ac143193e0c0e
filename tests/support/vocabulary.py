"""What random states are made of: names of models, kinds of fields."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import django
from django.db import models
from django.db.migrations.state import ModelState, ProjectState

Key = tuple[str, str]
Models = dict[Key, ModelState]

# A reference that has to be there points to a model further up.
ROLES: dict[Key, str] = {
    ("shop", "customer"): "Customer",
    ("shop", "product"): "Product",
    ("blog", "post"): "Post",
    ("shop", "order"): "Order",
}
# Nothing refers to this one, so that it may be managed in one state only.
LONER = ("shop", "report")
PROXY = ("blog", "view")

DB_LEVEL = [models.DB_CASCADE, models.DB_SET_NULL] if django.VERSION >= (6, 1) else []


class Code(models.CharField):
    """A field that stores its values in a way of its own."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return value[::-1] if isinstance(value, str) else value

    def from_db_value(self, value, expression, connection):
        return value[::-1] if isinstance(value, str) else value


class Amount(models.IntegerField):
    """A field that differs from Django's by its name only."""


INTEGERS = [
    models.IntegerField,
    models.BigIntegerField,
    models.SmallIntegerField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
    models.PositiveSmallIntegerField,
    Amount,
]
TEXTS = [models.CharField, models.SlugField, Code]
NUMBERS = (*INTEGERS, models.DecimalField, models.FloatField)


def project(found: Models) -> ProjectState:
    state = ProjectState()
    for model in found.values():
        state.add_model(clone(model))
    return state


def clone(model: ModelState) -> ModelState:
    cloned = model.clone()
    cloned.fields = {name: copy.copy(field) for name, field in model.fields.items()}
    cloned.options = {
        name: list(value) if isinstance(value, list) else value
        for name, value in model.options.items()
    }
    return cloned


def changed(field: models.Field, **changes: Any) -> models.Field:
    """Return a field with other arguments; None takes one away."""
    _, _, args, kwargs = field.deconstruct()
    kwargs.update(changes)
    kept = {name: value for name, value in kwargs.items() if value is not None}
    return type(field)(*args, **kept)


def key_of(model: ModelState) -> Key:
    return model.app_label, model.name_lower


def described(state: ProjectState) -> str:
    """Return a state as one would write it down."""
    return "\n".join(line for model in state.models.values() for line in lines(model))


def lines(model: ModelState) -> Iterator[str]:
    options = {name: value for name, value in model.options.items() if value}
    yield f"{model.app_label}.{model.name}({model.bases}) {options}"
    for name, field in model.fields.items():
        _, path, args, kwargs = field.deconstruct()
        given = [*map(repr, args), *(f"{key}={value}" for key, value in kwargs.items())]
        yield f"    {name} = {path.rpartition('.')[2]}({', '.join(given)})"
