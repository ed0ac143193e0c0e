"""A data migration in batches."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping

from django.db import router, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState
from django.db.models import Model, Q, QuerySet

from syzygy_like.conf import parse_duration
from syzygy_like.executor.digests import digest
from syzygy_like.operations import arguments
from syzygy_like.operations.arguments import Given, InTransactionError
from syzygy_like.operations.batches import Batch, Key, Rows
from syzygy_like.operations.display import Display, display
from syzygy_like.operations.position import BackfillProgress
from syzygy_like.operations.work import Work, as_work
from syzygy_like.safeguards.timeouts.exemptions import exempt
from syzygy_like.stages import Stage


class Backfill(Operation):
    """
    Changes the rows of a table in batches, each of them in a transaction of its own.

    What is done to them is one of ``update``, a dictionary as for QuerySet.update();
    ``function``, called with a queryset of the rows; and ``sql``, a statement with the
    parameters %(first)s and %(last)s. ``reverse``, which undoes it, is any of these.
    Only the rows of ``where`` are changed, a Q. ``batch_size`` is a number of rows,
    ``pause`` the time between two batches, in seconds or as a string. ``stage`` is when
    it runs, None for whenever the rest of its migration does; ``hints`` and
    ``elidable`` are those of RunPython. Raises TypeError and ValueError.
    """

    category = OperationCategory.PYTHON
    reduces_to_sql = False
    atomic = False
    # The system check reads the first. The second says that a run that was stopped can
    # run again, and continues.
    forbids_transaction = True
    resumes = True

    def __init__(
        self,
        model_name: str,
        update: Mapping[str, object] | None = None,
        *,
        function: Callable[[QuerySet[Model]], object] | None = None,
        sql: str | None = None,
        where: Q | None = None,
        reverse: Given | None = None,
        batch_size: int = 5000,
        pause: float | str | datetime.timedelta = 0,
        stage: Stage | None = Stage.POST_DEPLOY,
        hints: Mapping[str, object] | None = None,
        elidable: bool = False,
    ):
        arguments.check_rows(model_name, where, sql)
        arguments.check_pace(batch_size, pause)
        self.work = as_work(arguments.only(update=update, function=function, sql=sql))
        if reverse is not None:
            arguments.check_work("reverse", reverse)
        self.reverse_work = None if reverse is None else as_work(reverse)
        self.model_name = model_name
        self.update = update
        self.function = function
        self.sql = sql or ""  # which migrate --plan shows
        self.where = where
        self.reverse = reverse
        self.batch_size = batch_size
        self.pause = parse_duration(pause)
        self.stage = stage
        self.hints = {"model_name": model_name.lower(), **(hints or {})}
        self.elidable = elidable  # type: ignore[misc]

    @staticmethod
    def noop(rows: QuerySet[Model]) -> None:
        """Leave rows as they are, as ``reverse``."""

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        return self.reverse is not None

    @property
    def reverse_sql(self) -> str | None:
        """What migrate --plan shows of the reverse, None if there is none."""
        if isinstance(self.reverse, str) or self.reverse is None:
            return self.reverse
        return ""

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: rows are no part of the state."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        run = self._run(app_label, schema_editor, from_state)
        if run is not None:
            run.run()

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if self.reverse_work is None:
            raise NotImplementedError("You cannot reverse this operation")
        run = self._run(app_label, schema_editor, from_state)
        if run is None:
            return
        if self.reverse is Backfill.noop:
            run.progress.remove()
        else:
            run.reversed(self.reverse_work).run()

    def is_going_back(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        state: ProjectState,
    ) -> bool | None:
        """
        Tell whether a run that was stopped was undoing it, not carrying it out.

        None if there is no run to resume: nothing of it is done, or everything.
        """
        run = self._run(app_label, schema_editor, state)
        if run is None or not run.progress.resume():
            return None
        return run.progress.backwards

    def _run(
        self, app_label: str, editor: BaseDatabaseSchemaEditor, state: ProjectState
    ) -> BackfillRun | None:
        """Return a run through the table, None if a router keeps it off."""
        connection = editor.connection
        if not router.allow_migrate(connection.alias, app_label, **self.hints):
            return None
        if connection.in_atomic_block:
            raise InTransactionError(f"{app_label}.{self.model_name}")
        state.clear_delayed_apps_cache()  # as RunPython does
        model = state.apps.get_model(app_label, self.model_name)
        return BackfillRun(
            Rows(model, connection.alias),
            BackfillProgress(editor, app_label, model, self._identity),
            self.work,
            self.where,
            self.batch_size,
            self.pause,
        )

    @property
    def _identity(self) -> str:
        """What distinguishes it from others, whatever its batches and pause are."""
        alike = Backfill(
            self.model_name,
            self.update,
            function=self.function,
            sql=self.sql or None,
            where=self.where,
        )
        return digest([alike])

    def describe(self) -> str:
        fields = f"{', '.join(self.update)} on " if self.update else ""
        return f"Backfill {fields}{self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return "_".join(["backfill", self.model_name, *(self.update or ())]).lower()


@dataclasses.dataclass(frozen=True)
class BackfillRun:
    """
    Does some work to the rows of a table, to all or to those of a condition.

    Each batch of ``size`` rows has a transaction of its own, which also notes the
    progress: whatever stops a run, the next one resumes there. A run goes up the
    primary key; one that goes ``backwards`` undoes what is done, so it comes down from
    there. ``pause`` is the time between two batches, in seconds.
    """

    rows: Rows
    progress: BackfillProgress
    work: Work
    where: Q | None
    size: int
    pause: float
    backwards: bool = False

    def reversed(self, work: Work) -> BackfillRun:
        """Return the run that undoes this one by doing some work to all rows."""
        return dataclasses.replace(self, work=work, where=None, backwards=True)

    def run(self) -> None:
        """Go through what is left of the table. Raises what the work raises."""
        self.work.check(self._selected(self.rows.queryset))
        if self.progress.resume() or self._begin():
            with exempt(), display(self.rows, self.progress.rows) as shown:
                self._run_batches(shown)
        self.progress.remove()

    def _begin(self) -> bool:
        """Begin, if there is anything to be done."""
        start = self.rows.last if self.backwards else None
        if self._batch(start) is None:
            return False
        self.progress.begin(start, self.backwards)
        return True

    def _run_batches(self, shown: Display) -> None:
        batch = self._next()
        while batch is not None:
            self._carry_out(batch)
            shown.show(self.progress.rows + batch.size)
            batch = self._next()
            if batch is not None:
                time.sleep(self.pause)

    def _next(self) -> Batch | None:
        return self._batch(self.progress.done) if self.progress.read() else None

    def _batch(self, done: Key) -> Batch | None:
        find = self.rows.before if self.backwards else self.rows.after
        return find(done, self.size)

    def _carry_out(self, batch: Batch) -> None:
        with transaction.atomic(self.rows.alias):
            if self.progress.move(batch, self.backwards):
                self.work.carry_out(self._selected(self.rows.of(batch)), batch)

    def _selected(self, rows: QuerySet[Model]) -> QuerySet[Model]:
        return rows if self.where is None else rows.filter(self.where)
