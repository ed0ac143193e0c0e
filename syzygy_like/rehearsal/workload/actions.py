"""What a version does with the rows of one model."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from django.db import models, transaction

from syzygy_like.rehearsal.workload.reading import (
    existing,
    keys,
    read_back,
    search,
    select,
    spread,
)
from syzygy_like.rehearsal.workload.relations import (
    automatic_relations,
    delete,
    delete_related,
    relate,
    relate_all,
)
from syzygy_like.rehearsal.workload.rows import (
    FILLS,
    OMITTED,
    Fill,
    Model,
    Rows,
    UnsuitableError,
    highest,
    key_fields,
    lowest,
    sparse,
    typical,
    written_fields,
)
from syzygy_like.schema.types import Field

if TYPE_CHECKING:
    from syzygy_like.rehearsal.workload.values import ManyToMany

Columns = Collection[str] | None


@dataclasses.dataclass(frozen=True)
class Action:
    """Something that a version does; ``key`` is that of the row that it uses."""

    name: str
    do: Callable[[Rows], object]
    key: object = None


def own_rows(
    model: Model, alias: str, pairs: bool = True, columns: Columns = None
) -> Iterator[Action]:
    """
    Yield what a model does with rows of its own.

    ``pairs`` tells whether rows are tried that have any two fields in common. What is
    done with one field at a time is limited to ``columns``, if there are any given.
    """
    for fill in FILLS:
        yield Action(f"INSERT {fill.__name__}", partial(insert, model=model, fill=fill))
    yield Action("bulk_create", partial(bulk_create, model=model))
    yield Action("DELETE", partial(delete_own, model=model))
    yield from updates(model, columns)
    yield from repetitions(model, pairs, columns)
    for field in automatic_relations(model):
        do = partial(relate_own, model=model, field=field)
        yield Action(f"change {field.name}", do)
        for end in (0, 1):
            do = partial(delete_own_related, model=model, field=field, end=end)
            yield Action(f"DELETE end {end} of {field.name}", do)


def shared_rows(
    model: Model, alias: str, most: int | None = None, columns: Columns = None
) -> Iterator[Action]:
    """
    Yield what a model does with rows that another version wrote.

    With ``most`` of them, from the oldest key to the newest, or with all. It looks
    for rows by ``columns``, by all if none are given.
    """
    yield Action("SELECT", partial(select, model=model))
    yield Action("INSERT beside other rows", partial(insert_beside, model=model))
    for field in _among(model._meta.concrete_fields, columns):
        yield Action(f"filter {field.name}", partial(search, model=model, field=field))
    found = spread(keys(model, alias), most)
    for key, name in itertools.product(found, ON_ROW):
        yield on_row(model, name, key)


def on_row(model: Model, name: str, key: object) -> Action:
    """Return what is done by a name of ON_ROW with the row that has a key."""
    return Action(name, partial(with_row, model=model, name=name, key=key), key)


def with_row(rows: Rows, model: Model, name: str, key: object) -> None:
    """Read a row and do something with it."""
    ON_ROW[name](rows, existing(rows, model).get(pk=key))


def insert(rows: Rows, model: Model, fill: Fill) -> None:
    """Write a row and read it."""
    read_back(rows, rows.create(model, fill))


def insert_beside(rows: Rows, model: Model) -> None:
    """Write a row with an odd number and one with an even one: yes and no alike."""
    for parity in (1, 0):
        number = next(rows.numbers)
        rows.numbers = itertools.count(number + (number + parity) % 2)
        with contextlib.suppress(UnsuitableError):
            insert(rows, model, typical)


def bulk_create(rows: Rows, model: Model) -> None:
    """Write two rows at once."""
    if model._meta.parents:
        raise UnsuitableError  # Django does not support it.
    batch = [rows.unsaved(model, fill) for fill in (typical, sparse)]
    with transaction.atomic(using=rows.alias):  # for the sake of its errors only
        for row in batch:
            rows.save(twin(row))
        transaction.set_rollback(True, using=rows.alias)
    model._base_manager.using(rows.alias).bulk_create(batch)


def twin(row: models.Model) -> models.Model:
    """Return an unsaved row with the same values."""
    other = type(row)()
    attributes = {name: each for name, each in vars(row).items() if name != "_state"}
    vars(other).update(attributes)
    return other


def delete_own(rows: Rows, model: Model) -> None:
    """Delete a row that nothing refers to."""
    rows.create(model).delete(using=rows.alias)


def relate_own(rows: Rows, model: Model, field: ManyToMany) -> None:
    """Change a relation of a new row."""
    relate(rows, rows.create(model), field)


def delete_own_related(rows: Rows, model: Model, field: ManyToMany, end: int) -> None:
    """Delete an end of a relation of a new row."""
    delete_related(rows, rows.create(model), field, end)


def _among(fields: Iterable[Field], columns: Columns) -> Iterator[Field]:
    for field in fields:
        if columns is None or field.column in columns:
            yield field


def updates(model: Model, columns: Columns = None) -> Iterator[Action]:
    """Yield changes of one field at a time."""
    keys = key_fields(model)
    for field in _among(written_fields(model), columns):
        if field in keys:
            continue
        fills = [lowest, highest] if not field.remote_field else []
        fills += [typical] if not field.null else [sparse]
        for fill, change in itertools.product(fills, (update, save)):
            do = partial(
                change_field, model=model, field=field, fill=fill, change=change
            )
            yield Action(f"{change.__name__} {field.name} {fill.__name__}", do)


def change_field(
    rows: Rows,
    model: Model,
    field: Field,
    fill: Fill,
    change: Callable[[Rows, models.Model, Field], None],
) -> None:
    """Change one field of a row and read it."""
    row = rows.create(model)
    if fill is sparse:
        setattr(row, field.attname, None)
    else:
        rows.assign(row, field, fill, next(rows.numbers))
    rows.validate(row)
    change(rows, row, field)
    read_back(rows, row)


def update(rows: Rows, row: models.Model, field: Field) -> None:
    """Write one column of a row."""
    value = getattr(row, field.attname)
    existing(rows, type(row)).order_by().filter(pk=row.pk).update(**{field.name: value})


def save(rows: Rows, row: models.Model, field: Field | None = None) -> None:
    """Write all columns of a row."""
    row.save(using=rows.alias)


def repetitions(model: Model, pairs: bool, columns: Columns = None) -> Iterator[Action]:
    """Yield pairs of rows that have one field, two fields or all in common."""
    keys = key_fields(model)
    everything = list(written_fields(model))
    fields = tuple(field for field in everything if field not in keys)
    shared: list[tuple[Field, ...]] = [(each,) for each in _among(everything, columns)]
    if pairs:
        shared += itertools.combinations(everything, 2)
    for several in (*shared, fields):
        names = ", ".join(field.name for field in several)
        do = partial(repeat, model=model, fields=several, fill=typical)
        yield Action(f"INSERT {names} twice", do)
    for several in ((), fields):
        do = partial(repeat, model=model, fields=several, fill=sparse)
        yield Action("INSERT sparse twice", do)


def repeat(rows: Rows, model: Model, fields: tuple[Field, ...], fill: Fill) -> None:
    """Write two rows that have the same values in some fields."""
    first = rows.create(model, fill)
    second = rows.unsaved(model, fill)
    for field in fields:
        if fill(field, 1) is not OMITTED or field.remote_field:
            setattr(second, field.attname, getattr(first, field.attname))
    rows.save(second)


ON_ROW: dict[str, Callable[[Rows, models.Model], None]] = {
    "save": save,
    "relate": relate_all,
    "DELETE": delete,
}
