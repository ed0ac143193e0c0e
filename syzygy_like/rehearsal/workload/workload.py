"""The models of one version, at work on one database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial

from django.apps.registry import Apps

from syzygy_like.rehearsal.workload.actions import (
    Action,
    Columns,
    insert,
    on_row,
    own_rows,
    shared_rows,
)
from syzygy_like.rehearsal.workload.bulk import (
    SharingRows,
    create_related,
    fill_up,
    targets_first,
)
from syzygy_like.rehearsal.workload.reading import keys, select, spread
from syzygy_like.rehearsal.workload.relations import (
    automatic_relations,
    targets,
    through,
)
from syzygy_like.rehearsal.workload.rows import (
    Fill,
    Model,
    Rows,
    owners,
    sparse,
    tables,
    typical,
    written_fields,
)
from syzygy_like.rehearsal.workload.runner import FailedAction, run
from syzygy_like.seam import mute_signals

# Of each model, so many rows of others are changed: what one shows, most show.
MOST_ROWS = 6
# Half of a database may hang from one row: to delete more takes long.
MOST_DELETED = 2
# Rows with any two fields in common are tried where there are no more fields.
MOST_PAIRED = 8

# Names of tables, and of columns in them; None stands for all of a table.
Focus = Mapping[str, Columns]
Only = Collection[tuple[str, str]]
Actions = Callable[[Model], Iterable[Action]]


class Workload:
    """
    The models of one version, at work on one database.

    ``focus`` has the tables that a plan concerns, each with its columns that it does
    (None for all). Models with rows in these are tried in full; those that refer
    to them, or that they refer to, as far as rows are written and deleted. Of the
    others rows are written and deleted too if there may be ``has_opaque``, and only
    read if not. No focus: all in full. ``beside`` has more tables to treat like those
    that refer to each other. ``progress`` is called with a model's label as its work
    begins. ``unwritten`` has the labels of models of which no row could be written.
    """

    def __init__(
        self,
        apps: Apps,
        alias: str,
        focus: Focus | None = None,
        has_opaque: bool = True,
        beside: Collection[str] = (),
        progress: Callable[[str], None] | None = None,
    ):
        self.apps = apps
        self.alias = alias
        self.progress = progress
        self.focus = focus
        self.models = tables(apps, alias)
        self.unwritten: list[str] = []
        self.full = {
            model
            for model in self.models
            if focus is None or not touched(model).isdisjoint(focus)
        }
        referred = {target for model in self.full for target in targets(model)}
        self.near = {
            model
            for model in self.models
            if model in referred
            or not targets(model).isdisjoint(self.full)
            or not touched(model).isdisjoint(beside)
        } - self.full
        few = self.full | self.near
        self.written = {model for model in self.models if has_opaque or model in few}

    @property
    def near_tables(self) -> set[str]:
        """The tables of models that refer to those of the focus, or the reverse."""
        return {table for model in self.near for table in touched(model)}

    def write(self, number: int, rows: int = 2) -> int:
        """
        Commit rows of every model that is not only read, as can be written.

        There are ``rows`` of each; every other one leaves out all that can be left
        out. ``number`` is that of the first row; return the next one.
        """
        self.unwritten = []
        with mute_signals():
            for model in self._in_turn(targets_first(self._tables)):
                number, done = fill_up(model, self.alias, number, rows)
                if not (done or model._meta.auto_created):
                    number, done = self._write_by_rows(model, number)
                    self.unwritten += [] if done else [model._meta.label]
        return number

    @property
    def _tables(self) -> list[Model]:
        """The models to write rows of, and those that Django makes for relations."""
        return [
            model
            for model in tables(self.apps, self.alias, automatic=True)
            if (model._meta.auto_created or model) in self.written
        ]

    def _write_by_rows(self, model: Model, number: int) -> tuple[int, bool]:
        """Write rows for which others have to be written; return the next number."""
        rows = SharingRows(self.alias, number)
        done = [_is_written(rows, model, fill) for fill in (typical, sparse)]
        return next(rows.numbers), any(done)

    def own_rows(self, number: int, only: Only | None = None) -> list[FailedAction]:
        """Return what fails of what each model does with rows of its own."""
        return self._run(self._own_rows, number, only)

    def shared_rows(self, number: int, only: Only | None = None) -> list[FailedAction]:
        """Return what fails of what each model does with the rows there are."""
        return self._run(self._shared_rows, number, only)

    def _run(
        self, actions: Actions, number: int, only: Only | None
    ) -> list[FailedAction]:
        """Do what is wanted; ``only`` has the models and actions, None for all."""
        wanted = None if only is None else {label for label, _ in only}
        used = [
            model
            for model in self.models
            if wanted is None or model._meta.label in wanted
        ]
        with mute_signals():
            return [
                failure
                for model in self._in_turn(used)
                for failure in run(
                    model,
                    chosen(model, actions(model), only),
                    self.alias,
                    number,
                    SharingRows,
                )
            ]

    def _in_turn(self, used: Iterable[Model]) -> Iterator[Model]:
        for model in used:
            if self.progress:
                self.progress(model._meta.label)
            yield model

    def _own_rows(self, model: Model) -> Iterator[Action]:
        if model in self.full:
            few = len(list(written_fields(model))) <= MOST_PAIRED
            yield from own_rows(model, self.alias, few, self._columns(model))
            return
        if model in self.written:
            yield Action("INSERT typical", partial(insert, model=model, fill=typical))
        if model in self.near:
            yield Action("INSERT sparse", partial(insert, model=model, fill=sparse))

    def _columns(self, model: Model) -> Columns:
        """Return the columns of a model's tables that are concerned, None for all."""
        if self.focus is None:
            return None
        found: set[str] = set()
        for owner in owners(model):
            columns = self.focus.get(owner._meta.db_table, ())
            if columns is None:
                return None
            found.update(columns)
        return found

    def _shared_rows(self, model: Model) -> Iterator[Action]:
        if model in self.full:
            yield from shared_rows(model, self.alias, MOST_ROWS, self._columns(model))
            return
        yield Action("SELECT", partial(select, model=model))
        if model not in self.written:
            return
        found = keys(model, self.alias)
        for key in found[-1:]:
            yield on_row(model, "save", key)
        for key in spread(found, MOST_DELETED if model in self.near else 1):
            yield on_row(model, "DELETE", key)


def _is_written(rows: Rows, model: Model, fill: Fill) -> bool:
    """Commit one row; tell whether that was possible."""
    try:
        create_related(rows, model, fill)
    except Exception:  # own_rows() tells whether this may fail.
        return False
    return True


def chosen(
    model: Model, actions: Iterable[Action], only: Only | None
) -> Iterator[Action]:
    """Yield the actions that are wanted."""
    for action in actions:
        if only is None or (model._meta.label, action.name) in only:
            yield action


def touched(model: Model) -> set[str]:
    """Return the tables in which a model's rows are, and those of its relations."""
    links = [
        through(field)
        for owner in owners(model)
        for field in automatic_relations(owner)
    ]
    return {each._meta.db_table for each in (*owners(model), *links)}


def new_failures(
    found: Iterable[FailedAction], baseline_failures: Iterable[FailedAction]
) -> list[FailedAction]:
    """Return the first of each that fails, except for baseline failures."""
    known = {(each.model, each.action) for each in baseline_failures}
    first: dict[tuple[str, str], FailedAction] = {}
    for each in found:
        if (each.model, each.action) not in known:
            first.setdefault((each.model, each.action), each)
    return list(first.values())
