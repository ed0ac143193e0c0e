"""Which rule had predicted what failed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.apps.registry import Apps

from syzygy_like.compatibility import Problem
from syzygy_like.compatibility.wording import most_telling
from syzygy_like.rehearsal.workload.runner import FailedAction
from syzygy_like.rehearsal.workload.workload import touched


def predicted(
    failure: FailedAction, problems: Iterable[Problem], apps: Apps
) -> Problem | None:
    """
    Return the problem that had predicted a failure, None if none had.

    It is one of a table that the failed query or its error names, or that the model
    has; one of a column that is named goes before others, and one that always makes
    queries fail before a hazard.
    """
    text = f"{failure.sql} {failure.error}"
    own = touched(apps.get_model(failure.model))
    near = [each for each in problems if each.table in own or _named(each.table, text)]
    by_column = [each for each in near if each.column and _named(each.column, text)]
    for wanted in (
        [each for each in by_column if _named(each.table, text)],
        by_column,
        [each for each in near if each.table in own],
        near,
    ):
        if wanted:
            certain = [each for each in wanted if not each.hazard]
            return most_telling(certain or wanted)
    return None


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
