"""
Let one version of the models loose on the database of another one.

Each action runs in a transaction of its own, which is rolled back: an action
that fails leaves nothing behind that another one could stumble over.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.apps.registry import Apps
from django.db import connections, models, transaction
from django.db.migrations.state import ProjectState
from django.db.models.deletion import ProtectedError, RestrictedError
from django.db.utils import IntegrityError

from tests import values
from tests.rows import (
    FILLS,
    OMITTED,
    Fill,
    Rows,
    Unsuitable,
    final,
    highest,
    lowest,
    owners,
    sparse,
    typical,
    written_fields,
)

Model = type[models.Model]
Action = tuple[str, Callable[[Rows], Any]]


class WrongRead(Exception):
    """A value was read that differs from the one written."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """What a model could not do."""

    model: str
    action: str
    error: Exception


def exercise(
    code: ProjectState, database: ProjectState, alias: str
) -> Iterator[Failure]:
    """
    Build the database of one state and yield what another state's code cannot do.

    The database has to be empty. Tables of unmanaged models are nobody's to build
    and are left alone.
    """
    build(database.apps, alias)
    external = {
        model._meta.db_table
        for model in database.apps.get_models()
        if not model._meta.managed and not model._meta.proxy
    }
    used = [
        model
        for model in tables(code.apps, alias)
        if model._meta.db_table not in external
    ]
    yield from rehearse(used, alias, alone)
    start = populate(database.apps, alias)
    yield from rehearse(used, alias, together, start)


def tables(apps: Apps, alias: str) -> list[Model]:
    """Return the models that have a table which migrations make."""
    connection = connections[alias]
    return [model for model in apps.get_models() if model._meta.can_migrate(connection)]


def build(apps: Apps, alias: str) -> None:
    """Make the tables of all models."""
    with connections[alias].schema_editor() as editor:
        for model in tables(apps, alias):
            editor.create_model(model)


def populate(
    apps: Apps,
    alias: str,
    fills: Sequence[Fill] = (typical, sparse),
    start: int = 1,
) -> int:
    """
    Write rows of each model, by the code that the tables were made for.

    Return the number of the next row.
    """
    rows = Rows(alias, start)
    for model, fill in itertools.product(tables(apps, alias), fills):
        try:
            with transaction.atomic(using=alias):
                row = rows.create(model, fill)
                for field in automatic_relations(model):
                    getattr(row, field.name).add(rows.create(field.related_model))
                connections[alias].check_constraints()
        except (Unsuitable, IntegrityError):
            continue  # A row more or less is no matter.
    return next(rows.numbers)


def rehearse(
    used: list[Model],
    alias: str,
    actions: Callable[[Model, str], Iterator[Action]],
    start: int = 1,
) -> Iterator[Failure]:
    """Yield what fails of the actions of each model."""
    for model in used:
        for name, action in actions(model, alias):
            error = attempt(alias, action, Rows(alias, start))
            if error is not None:
                yield Failure(model._meta.label, name, error)


def attempt(alias: str, action: Callable[[Rows], Any], rows: Rows) -> Exception | None:
    """Do something, undo it, and return the error if it failed."""
    try:
        with transaction.atomic(using=alias):
            action(rows)
            # Deferred constraints would speak up when it is too late.
            connections[alias].check_constraints()
            transaction.set_rollback(True, using=alias)
    except (Unsuitable, ProtectedError, RestrictedError):
        return None
    except Exception as error:
        return error
    return None


def alone(model: Model, alias: str) -> Iterator[Action]:
    """Yield what a model does with rows of its own."""
    for fill in FILLS:
        yield (
            f"INSERT {fill.__name__}",
            lambda rows, fill=fill: insert(rows, model, fill),
        )
    yield "bulk_create", lambda rows: bulk_create(rows, model)
    yield "DELETE", lambda rows: rows.create(model).delete(using=rows.alias)
    yield from updates(model)
    yield from repetitions(model)
    for field in automatic_relations(model):
        yield (
            f"change {field.name}",
            lambda rows, field=field: relate(rows, rows.create(model), field),
        )
        for end in (0, 1):
            yield (
                f"DELETE end {end} of {field.name}",
                (
                    lambda rows, field=field, end=end: delete_related(
                        rows, rows.create(model), field, end
                    )
                ),
            )


def together(model: Model, alias: str) -> Iterator[Action]:
    """Yield what a model does with rows that another version wrote."""
    yield "SELECT", lambda rows: list(existing(rows, model))
    yield "INSERT beside other rows", lambda rows: insert(rows, model, typical)
    for field in model._meta.concrete_fields:
        yield (
            f"filter {field.name}",
            lambda rows, field=field: search(rows, model, field),
        )
    for key, (name, do) in itertools.product(keys(model, alias), ON_ROW.items()):
        yield (
            f"{name} {key}",
            lambda rows, key=key, do=do: do(rows, existing(rows, model).get(pk=key)),
        )


def keys(model: Model, alias: str) -> list[Any]:
    """Return the keys of the rows that there are, none if they cannot be read."""
    try:
        with transaction.atomic(using=alias):
            return list(model._base_manager.using(alias).values_list("pk", flat=True))
    except Exception:
        return []  # SELECT fails as well and says so.


def existing(rows: Rows, model: Model) -> models.QuerySet:
    return model._base_manager.using(rows.alias).order_by("pk")


def insert(rows: Rows, model: Model, fill: Fill) -> None:
    read_back(rows, rows.create(model, fill))


def read_back(rows: Rows, row: models.Model) -> None:
    """Compare a row with what the database has of it."""
    fresh = existing(rows, type(row)).get(pk=row.pk)
    for field in written_fields(type(row)):
        written = values.plain(getattr(row, field.attname))
        read = values.plain(getattr(fresh, field.attname))
        if not hasattr(written, "resolve_expression") and written != read:
            raise WrongRead(f"{field.name}: {read!r}, not {written!r}")


def bulk_create(rows: Rows, model: Model) -> None:
    if model._meta.parents:
        raise Unsuitable  # Django does not support it.
    batch = [rows.unsaved(model, fill) for fill in (typical, sparse)]
    with_savepoint(rows, lambda: [rows.save(twin(row)) for row in batch])
    model._base_manager.using(rows.alias).bulk_create(batch)


def twin(row: models.Model) -> models.Model:
    """Return an unsaved row with the same values."""
    other = type(row)()
    attributes = {name: each for name, each in vars(row).items() if name != "_state"}
    vars(other).update(attributes)
    return other


def with_savepoint(rows: Rows, action: Callable[[], Any]) -> None:
    """Do something for the sake of its errors only."""
    with transaction.atomic(using=rows.alias):
        action()
        transaction.set_rollback(True, using=rows.alias)


def updates(model: Model) -> Iterator[Action]:
    """Yield changes of one field at a time."""
    keys = key_fields(model)
    for field in written_fields(model):
        if field in keys:
            continue
        fills = [lowest, highest] if not field.remote_field else []
        fills += [typical] if not field.null else [sparse]
        for fill, change in itertools.product(fills, (update, save)):
            name = f"{change.__name__} {field.name} {fill.__name__}"
            yield (
                name,
                lambda rows, field=field, fill=fill, change=change: change_field(
                    rows, model, field, fill, change
                ),
            )


def change_field(
    rows: Rows,
    model: Model,
    field: models.Field,
    fill: Fill,
    change: Callable[[Rows, models.Model, models.Field], None],
) -> None:
    row = rows.create(model)
    other = rows.unsaved(model, fill)
    if fill is sparse:
        setattr(other, field.attname, None)
    setattr(row, field.attname, getattr(other, field.attname))
    rows.validate(row)
    change(rows, row, field)
    read_back(rows, row)


def update(rows: Rows, row: models.Model, field: models.Field) -> None:
    value = getattr(row, field.attname)
    existing(rows, type(row)).order_by().filter(pk=row.pk).update(**{field.name: value})


def save(rows: Rows, row: models.Model, field: models.Field) -> None:
    row.save(using=rows.alias)


def key_fields(model: Model) -> list[models.Field]:
    return [field for owner in owners(model) for field in owner._meta.pk_fields]


def repetitions(model: Model) -> Iterator[Action]:
    """Yield pairs of rows that have one field, two fields or all in common."""
    keys = key_fields(model)
    fields = [field for field in written_fields(model) if field not in keys]
    everything = list(written_fields(model))
    shared = [
        *itertools.combinations(everything, 1),
        *itertools.combinations(everything, 2),
    ]
    for several in (*shared, tuple(fields)):
        names = ", ".join(field.name for field in several)
        yield (
            f"INSERT {names} twice",
            lambda rows, several=several: repeat(rows, model, several, typical),
        )
    for several in ((), tuple(fields)):
        yield (
            "INSERT sparse twice",
            lambda rows, several=several: repeat(rows, model, several, sparse),
        )


def repeat(
    rows: Rows, model: Model, fields: tuple[models.Field, ...], fill: Fill
) -> None:
    first = rows.create(model, fill)
    second = rows.unsaved(model, fill)
    for field in fields:
        if fill(field, 1) is not OMITTED or field.remote_field:
            setattr(second, field.attname, getattr(first, field.attname))
    rows.save(second)


def search(rows: Rows, model: Model, field: models.Field) -> None:
    """Look for rows by a column, and sort by it."""
    found = model._base_manager.using(rows.alias).order_by(field.attname)
    list(found.filter(**{f"{field.attname}__isnull": True}))
    if not field.remote_field:
        list(found.filter(**{field.attname: values.typical(field, 1)}))


def resave(rows: Rows, row: models.Model) -> None:
    row.refresh_from_db(using=rows.alias)
    row.save(using=rows.alias)


def delete(rows: Rows, row: models.Model) -> None:
    if leaves_dangling(rows, row):
        raise Unsuitable
    row.delete(using=rows.alias)


def leaves_dangling(rows: Rows, row: models.Model) -> bool:
    """Tell whether the code itself leaves it to others to tidy up (DO_NOTHING)."""
    queue, seen = [row], {row}
    for gone in queue:
        for relation, referring in referrers(rows, gone):
            ignored = relation.on_delete is models.DO_NOTHING
            if ignored and referring and relation.field.db_constraint:
                return True
            if relation.on_delete.__name__ in ("CASCADE", "DB_CASCADE"):
                queue += [each for each in referring if each not in seen]
                seen.update(referring)
    return False


def referrers(
    rows: Rows, row: models.Model
) -> Iterator[tuple[models.ManyToOneRel, list[models.Model]]]:
    """Yield the relations to a row, each with the rows that refer to it."""
    for relation in type(row)._meta.get_fields(include_hidden=True):
        is_reverse = relation.one_to_many or relation.one_to_one
        if is_reverse and not relation.concrete:
            model = relation.field.model
            yield (
                relation,
                list(existing(rows, model).filter(**{relation.field.name: row})),
            )


def automatic_relations(model: Model) -> list[models.ManyToManyField]:
    """Return the many-to-many fields whose table Django makes."""
    return [
        field
        for field in model._meta.local_many_to_many
        if field.remote_field.through._meta.auto_created
    ]


def relate(rows: Rows, row: models.Model, field: models.ManyToManyField) -> None:
    manager = getattr(row, field.name)
    other, another = rows.create(field.related_model), rows.create(field.related_model)
    manager.add(other, another)
    if len(manager.all()) < 2:
        raise WrongRead(f"{field.name}: rows that were added are not there")
    manager.remove(other)
    manager.set([other])
    manager.clear()
    if manager.exists():
        raise WrongRead(f"{field.name}: rows that were removed are still there")
    if not field.remote_field.db_constraint:
        manager.add(values.nowhere(final(field.related_model._meta.pk)))
        connections[rows.alias].check_constraints()
        manager.through._base_manager.using(rows.alias).all().delete()


def relate_all(rows: Rows, row: models.Model) -> None:
    for field in automatic_relations(type(row)):
        relate(rows, row, field)


def delete_related(
    rows: Rows, row: models.Model, field: models.ManyToManyField, end: int
) -> None:
    other = rows.create(field.related_model)
    getattr(row, field.name).add(other)
    delete(rows, (row, other)[end])


# What is done with each row of another version.
ON_ROW = {"save": resave, "relate": relate_all, "DELETE": delete}
