"""Rows that one version of the code commits, and what is known of them later."""

from __future__ import annotations

from typing import Any

from django.db import models

from syzygy_like.rehearsal.workload import values
from syzygy_like.rehearsal.workload.relations import automatic_relations, delete
from syzygy_like.rehearsal.workload.rows import Fill, Rows, owners, written_fields

Key = tuple[str, Any]
Model = type[models.Model]


class Recording(Rows):
    """Rows that are there to stay: what was saved is known."""

    def __init__(self, alias: str, start: int):
        super().__init__(alias, start)
        self.saved: list[models.Model] = []

    def unsaved(self, model: Any, *args: Any, **kwargs: Any) -> models.Model:
        row = super().unsaved(model, *args, **kwargs)
        for owner in owners(model):
            key = owner._meta.pk
            if key.get_internal_type() in values.AUTOS:
                # Numbering goes on, rather than from the end.
                setattr(row, key.attname, None)
        return row

    def save(self, row: models.Model) -> models.Model:
        super().save(row)
        self.saved.append(row)
        return row


def create(rows: Rows, model: Model, fill: Fill) -> None:
    row = rows.create(model, fill)
    relate(rows, row)


def resave(rows: Rows, row: models.Model) -> None:
    row.refresh_from_db(using=rows.alias)
    row.save(using=rows.alias)
    relate(rows, row)


def remove(rows: Rows, row: models.Model) -> None:
    delete(rows, row)


def relate(rows: Rows, row: models.Model) -> None:
    """Relate a row to a new one by each many-to-many field."""
    for field in automatic_relations(type(row)):
        getattr(row, field.name).add(rows.create(field.related_model))


def table(model: Model) -> str:
    return model._meta.concrete_model._meta.db_table


def key_of(row: models.Model) -> Key:
    return table(type(row)), row.pk


def keys_of(model: Model, key: Any) -> list[Key]:
    """Return the keys of all that a row is made of, in its parents' tables too."""
    return [(table(owner), key) for owner in owners(model)]


def recorded(row: models.Model) -> dict[Key, dict[str, Any]]:
    """Return what was written, by the table and key of each row."""
    return {
        (table(owner), row.pk): {**contents(owner, row), **links(row, owner)}
        for owner in owners(type(row))
    }


def contents(model: Model, row: models.Model) -> dict[str, Any]:
    """Return the values that only somebody who writes them can change."""
    found = {
        field.attname: values.plain(getattr(row, field.attname))
        for field in written_fields(model)
        if not getattr(field, "auto_now", False)
    }
    return {
        name: value
        for name, value in found.items()
        if not hasattr(value, "resolve_expression")
    }


def links(
    row: models.Model, model: Model | None = None, held: bool = False
) -> dict[str, Any]:
    """Return what a row refers to, its parents' rows too, all or by constraints."""
    fields = (model or type(row))._meta.concrete_fields
    return {
        field.attname: getattr(row, field.attname)
        for field in fields
        if field.remote_field and (field.db_constraint or not held)
    }
