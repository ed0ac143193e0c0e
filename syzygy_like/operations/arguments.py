"""What is wrong with the arguments of a backfill, or with where it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from django.db import NotSupportedError
from django.db.models import Model, Q, QuerySet

from syzygy_like.conf import parse_duration

# What is done to rows: values by field, a function, or SQL.
Given = Mapping[str, object] | Callable[[QuerySet[Model]], object] | str

# What SQL must contain, as it is executed for each batch.
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


def check_work(name: str, work: object) -> None:
    """Raise TypeError or ValueError if an argument does not say what to do to rows."""
    kinds: dict[str, Any] = {"update": Mapping, "function": Callable, "sql": str}
    kind = kinds.get(name, (Mapping, Callable, str))
    if not isinstance(work, kind):
        wanted = {
            "update": "a dictionary of fields",
            "function": "a function",
            "sql": "a string",
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
            f"{name} is executed for each batch, and %(first)s and %(last)s say for "
            f"which rows. It lacks {' and '.join(missing)}."
        )


def check_rows(model_name: object, where: object, sql: object) -> None:
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


def check_pace(batch_size: object, pause: object) -> None:
    """Raise ValueError if a number of rows or a duration is invalid."""
    is_bool = isinstance(batch_size, bool)
    if not isinstance(batch_size, int) or is_bool or batch_size < 1:
        raise ValueError(
            f"batch_size takes a number of rows, 1 or more, not {batch_size!r}."
        )
    try:
        parse_duration(pause)
    except ValueError:
        raise ValueError(
            'pause takes a number of seconds, or a string such as "500ms", '
            f"not {pause!r}."
        ) from None


@dataclasses.dataclass(eq=False)
class InTransactionError(NotSupportedError):
    """A backfill was started in a transaction; ``label`` is that of its model."""

    label: str

    def __str__(self) -> str:
        return (
            f"The backfill of {self.label} cannot run in a transaction, because it "
            "commits each batch. Set atomic = False on the class of the migration, and "
            "run the command outside of a transaction."
        )


@dataclasses.dataclass(eq=False)
class CompositeKeyError(NotSupportedError):
    """SQL was given for a model whose primary key has several columns."""

    label: str

    def __str__(self) -> str:
        return (
            f"The backfill of {self.label} cannot be written as SQL, because the "
            "primary key has several columns. Use update or function."
        )
