"""What is wrong with the arguments of a backfill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q

from syzygy_like import durations

# What is done to rows: values by field, a function, or SQL.
Given = Mapping[str, Any] | Callable[[Any], Any] | str

# What SQL has to say, for it is executed for each batch.
PARAMETERS = ("%(first)s", "%(last)s")


def only(**works: Given | None) -> Given:
    """Return the one of several arguments that is given. Raises TypeError."""
    given = [name for name, each in works.items() if each is not None]
    if len(given) != 1:
        raise TypeError(
            "Backfill takes exactly one of update, function and sql, not "
            f"{' and '.join(given) or 'none'}."
        )
    work = works[given[0]]
    assert work is not None
    check_work(given[0], work)
    return work


def check_work(name: str, work: Any) -> None:
    """Raise TypeError or ValueError if an argument says nothing to be done to rows."""
    kinds = {"update": Mapping, "function": Callable, "sql": str}
    kind: Any = kinds.get(name, (Mapping, Callable, str))
    if not isinstance(work, kind):
        wanted = {
            "update": "a dictionary of fields",
            "function": "a function",
            "sql": "a text",
        }
        words = wanted.get(name, "a dictionary of fields, a function or SQL")
        raise TypeError(f"{name} takes {words}, not {work!r}.")
    if not work:
        raise ValueError(f"{name} is empty.")
    missing = [
        each for each in PARAMETERS if isinstance(work, str) and each not in work
    ]
    if missing:
        raise ValueError(
            f"{name} is executed for each batch, and says for which rows by %(first)s "
            f"and %(last)s; it lacks {' and '.join(missing)}."
        )


def check_rows(model_name: Any, where: Any, sql: Any) -> None:
    """Raise TypeError or ValueError if it is not clear which rows are meant."""
    if not isinstance(model_name, str):
        raise TypeError(f"model_name takes the name of a model, not {model_name!r}.")
    if not model_name.isidentifier():
        raise ValueError(
            f"model_name takes the name of a model of the same app, not {model_name!r}."
        )
    if where is not None and not isinstance(where, Q):
        raise TypeError(f"where takes a Q, not {where!r}.")
    if where is not None and sql is not None:
        raise TypeError("where does not go with sql, which has its own WHERE.")


def check_pace(batch_size: Any, pause: Any) -> None:
    """Raise ValueError if a number of rows, or a time, is none."""
    is_number = isinstance(batch_size, int) and not isinstance(batch_size, bool)
    if not is_number or batch_size < 1:
        raise ValueError(
            f"batch_size takes a number of rows, 1 or more, not {batch_size!r}."
        )
    try:
        durations.seconds(pause)
    except ValueError:
        raise ValueError(
            'pause takes a number of seconds, or a text such as "500ms", '
            f"not {pause!r}."
        ) from None
