"""Let one version of the models loose on the database of another one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.apps.registry import Apps
from django.db import connections
from django.db.migrations.state import ProjectState
from django.db.utils import IntegrityError

from syzygy_like.rehearsal.workload.actions import Action, own_rows, shared_rows
from syzygy_like.rehearsal.workload.bulk import create_related
from syzygy_like.rehearsal.workload.rows import (
    Fill,
    Model,
    Rows,
    UnsuitableError,
    sparse,
    tables,
    typical,
)
from syzygy_like.rehearsal.workload.runner import FailedAction, run

Actions = Callable[[Model, str], Iterable[Action]]


def exercise(
    code: ProjectState, database: ProjectState, alias: str
) -> Iterator[FailedAction]:
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
    yield from rehearse(used, alias, own_rows)
    start = populate(database.apps, alias)
    yield from rehearse(used, alias, shared_rows, start)


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
            create_related(rows, model, fill)
        except (UnsuitableError, IntegrityError):
            continue  # A row more or less is no matter.
    return next(rows.numbers)


def rehearse(
    used: list[Model], alias: str, actions: Actions, start: int = 1
) -> Iterator[FailedAction]:
    """Yield what fails of the actions of each model."""
    for model in used:
        yield from run(model, actions(model, alias), alias, start)
