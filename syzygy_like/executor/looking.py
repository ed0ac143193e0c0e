"""Looking whether there is anything to do, before anything is taken care of."""

from __future__ import annotations

from typing import Any

from django.db.migrations.executor import MigrationExecutor


class SomethingToDo(Exception):  # noqa: N818 - it is none
    """There is a plan, and nothing was done about it yet."""


def looking(base: type[MigrationExecutor]) -> type[MigrationExecutor]:
    """Return a variety of an executor class that carries out only an empty plan."""

    class Looking(base):  # type: ignore[misc, valid-type]
        def migration_plan(self, targets: Any, clean_start: bool = False) -> Any:
            plan = super().migration_plan(targets, clean_start)
            if plan and not clean_start:
                raise SomethingToDo
            return plan

    return Looking
