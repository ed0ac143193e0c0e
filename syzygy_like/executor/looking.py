"""A run that only looks whether there is anything to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.migrations.executor import MigrationExecutor

if TYPE_CHECKING:
    from django.db.migrations import Migration


class SomethingToDo(Exception):  # noqa: N818 - it is none
    """There is a plan, and nothing of it is carried out yet."""


def looking(base: type[MigrationExecutor]) -> type[MigrationExecutor]:
    """Return a kind of an executor class that carries out only an empty plan."""

    class Looking(base):  # type: ignore[misc, valid-type]
        def migration_plan(
            self,
            targets: Sequence[tuple[str, str | None]],
            clean_start: bool = False,
        ) -> list[tuple[Migration, bool]]:
            plan: list[tuple[Migration, bool]]
            plan = super().migration_plan(targets, clean_start)
            if plan and not clean_start:
                raise SomethingToDo
            return plan

    return Looking
