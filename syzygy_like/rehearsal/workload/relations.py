"""What a version does with rows that others refer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from django.db import connections, models

from syzygy_like.rehearsal.workload import values
from syzygy_like.rehearsal.workload.reading import WrongReadError, existing
from syzygy_like.rehearsal.workload.rows import (
    Model,
    Rows,
    UnsuitableError,
    concrete,
    final,
)

if TYPE_CHECKING:
    from syzygy_like.rehearsal.workload.values import ManyToMany


def delete(rows: Rows, row: models.Model) -> None:
    """Delete a row, unless the models leave rows that refer to it (DO_NOTHING)."""
    if _may_dangle(type(row)) and leaves_dangling(rows, row):
        raise UnsuitableError
    row.delete(using=rows.alias)


def leaves_dangling(rows: Rows, row: models.Model) -> bool:
    """Tell whether the models leave rows that refer to nothing (DO_NOTHING)."""
    queue, seen = [row], {row}
    for gone in queue:
        for relation in referrers(type(gone)):
            found = existing(rows, relation.field.model)
            referring = list(found.filter(**{relation.field.name: gone}))
            if referring and _ignores(relation):
                return True
            if _cascades(relation):
                queue += [each for each in referring if each not in seen]
                seen.update(referring)
    return False


def _may_dangle(model: Model) -> bool:
    """Tell whether the models ignore any relation within reach of a deletion."""
    queue, seen = [model], {model}
    for gone in queue:
        for relation in referrers(gone):
            if _ignores(relation):
                return True
            other = relation.field.model
            if _cascades(relation) and other not in seen:
                queue.append(other)
                seen.add(other)
    return False


def _ignores(relation: models.ManyToOneRel) -> bool:
    is_ignored = relation.on_delete is models.DO_NOTHING
    return is_ignored and values.has_constraint(relation.field)


def _cascades(relation: models.ManyToOneRel) -> bool:
    return getattr(relation.on_delete, "__name__", "") in ("CASCADE", "DB_CASCADE")


def referrers(model: Model) -> Iterator[models.ManyToOneRel]:
    """Yield the relations by which rows refer to those of a model."""
    for relation in model._meta.get_fields(include_hidden=True):
        is_reverse = relation.one_to_many or relation.one_to_one
        if is_reverse and not relation.concrete and hasattr(relation, "on_delete"):
            yield cast(models.ManyToOneRel, relation)


def targets(model: Model) -> set[Model]:
    """Return the models that a model's rows refer to, by many-to-many fields too."""
    fields = (*model._meta.concrete_fields, *model._meta.many_to_many)
    return {concrete(each.related_model) for each in fields if each.related_model}


def automatic_relations(model: Model) -> list[ManyToMany]:
    """Return the many-to-many fields whose table Django makes."""
    fields = model._meta.local_many_to_many
    return [each for each in fields if through(each)._meta.auto_created]


def through(field: ManyToMany) -> Model:
    """Return the model of the rows of a relation."""
    found: Model | None = field.remote_field.through
    if found is None:
        raise LookupError(field)
    return found


def relate(rows: Rows, row: models.Model, field: ManyToMany) -> None:
    """Add rows to a relation, change them, and remove them."""
    manager = getattr(row, field.name)
    other, another = rows.create(field.related_model), rows.create(field.related_model)
    manager.add(other, another)
    if len(manager.all()) < 2:
        raise WrongReadError(field.name)
    manager.remove(other)
    manager.set([other])
    manager.clear()
    if manager.exists():
        raise WrongReadError(field.name)
    if not field.remote_field.db_constraint:
        manager.add(values.nowhere(final(field.related_model._meta.pk)))
        connections[rows.alias].check_constraints()
        manager.through._base_manager.using(rows.alias).all().delete()


def relate_all(rows: Rows, row: models.Model) -> None:
    """Change every many-to-many relation of a row."""
    for field in automatic_relations(type(row)):
        relate(rows, row, field)


def delete_related(rows: Rows, row: models.Model, field: ManyToMany, end: int) -> None:
    """Relate a row to another one, and delete the first (0) or the other one (1)."""
    other = rows.create(field.related_model)
    getattr(row, field.name).add(other)
    delete(rows, (row, other)[end])
