"""A data migration in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import router
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.models import Q

from syzygy_like import durations
from syzygy_like.executor.digests import digest
from syzygy_like.operations import arguments
from syzygy_like.operations.arguments import Given
from syzygy_like.operations.batches import Rows
from syzygy_like.operations.errors import InTransactionError
from syzygy_like.operations.passes import Pass
from syzygy_like.operations.position import BackfillProgress
from syzygy_like.operations.work import work
from syzygy_like.stages import Stage


class Backfill(Operation):
    """
    Changes the rows of a table in batches, each of them in a transaction of its own.

    What is done to them is one of ``update``, a dictionary as for QuerySet.update();
    ``function``, called with a queryset of the rows; and ``sql``, a statement with the
    parameters %(first)s and %(last)s. ``reverse``, which undoes it, is any of these.
    Only the rows of ``where`` are changed, a Q. ``batch_size`` is a number of rows,
    ``pause`` the time between two batches, in seconds or as text. ``stage`` is when it
    runs, None for whenever the rest of its migration does; ``hints`` and ``elidable``
    are those of RunPython. Raises TypeError and ValueError.
    """

    category = OperationCategory.PYTHON
    reduces_to_sql = False
    atomic = False
    # The system check looks for the first, a run that tries again for the second:
    # whatever ends it, the next time it goes on from there.
    forbids_transaction = True
    resumes = True

    def __init__(
        self,
        model_name: str,
        update: Mapping[str, Any] | None = None,
        *,
        function: Callable[[Any], Any] | None = None,
        sql: str | None = None,
        where: Q | None = None,
        reverse: Given | None = None,
        batch_size: int = 5000,
        pause: Any = 0,
        stage: Stage | None = Stage.POST_DEPLOY,
        hints: Mapping[str, Any] | None = None,
        elidable: bool = False,
    ):
        arguments.check_rows(model_name, where, sql)
        arguments.check_pace(batch_size, pause)
        self.work = work(arguments.only(update=update, function=function, sql=sql))
        if reverse is not None:
            arguments.check_work("reverse", reverse)
        self.reverse_work = None if reverse is None else work(reverse)
        self.model_name = model_name
        self.update = update
        self.function = function
        self.sql = sql or ""  # which migrate --plan shows
        self.where = where
        self.reverse = reverse
        self.batch_size = batch_size
        self.pause = durations.seconds(pause)
        self.stage = stage
        self.hints = {"model_name": model_name.lower(), **(hints or {})}
        self.elidable = elidable  # type: ignore[misc]

    @staticmethod
    def noop(rows: Any) -> None:
        """Leave rows as they are, as ``reverse``."""

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        return self.reverse is not None

    @property
    def reverse_sql(self) -> str | None:
        """What migrate --plan shows of the way back, None if there is none."""
        if isinstance(self.reverse, str) or self.reverse is None:
            return self.reverse
        return ""

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: rows are no part of the state."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        way = self._pass(app_label, schema_editor, from_state)
        if way is not None:
            way.run()

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if self.reverse_work is None:
            raise NotImplementedError("You cannot reverse this operation")
        way = self._pass(app_label, schema_editor, from_state)
        if way is None:
            return
        if self.reverse is Backfill.noop:
            way.bookmark.remove()
        else:
            way.back(self.reverse_work).run()

    def is_going_back(
        self, app_label: str, schema_editor: Any, state: Any
    ) -> bool | None:
        """
        Tell whether a run that was cut off was undoing it, rather than carrying it out.

        None if there is no run to go on with: nothing of it is done, or all.
        """
        way = self._pass(app_label, schema_editor, state)
        if way is None or not way.bookmark.resume():
            return None
        return bool(way.bookmark.entry.backwards)

    def _pass(self, app_label: str, editor: Any, state: Any) -> Pass | None:
        """Return the way through the table, None if a router keeps it off."""
        connection = editor.connection
        if not router.allow_migrate(connection.alias, app_label, **self.hints):
            return None
        if connection.in_atomic_block:
            raise InTransactionError(f"{app_label}.{self.model_name}")
        state.clear_delayed_apps_cache()  # as RunPython does
        model = state.apps.get_model(app_label, self.model_name)
        return Pass(
            Rows(model, connection.alias),
            BackfillProgress(editor, app_label, model, self._identity),
            self.work,
            self.where,
            self.batch_size,
            self.pause,
        )

    @property
    def _identity(self) -> str:
        """What tells it from others, at whatever pace it goes."""
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
