"""What a change of models is, as data."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

EVERYWHERE = ("sqlite", "postgresql", "mysql")
REQUIRED = ("1",)  # the answer to Django's question: provide a one-off default


class Outcome(enum.Enum):
    """What makemigrations makes of a change."""

    AS_DJANGO = "as Django"
    SPLIT = "split"
    REFUSED = "refused"


@dataclasses.dataclass(frozen=True)
class Change:
    """
    What a developer does to models.py, and what it takes to roll that out.

    ``answers`` are given to the questions that makemigrations asks; without any it
    runs with --noinput. ``why`` says what would break and what is done instead.
    With ``tidy`` the developer has seen to it that no row breaks the rules of either
    version. ``kept`` are rows that must not be deleted, each a table and a key,
    ``volatile`` fields that code changes by itself, and ``names`` what a refusal has
    to name. Of the tables that are ``protected`` the old version cannot delete rows to
    which rows of the new one refer, which then all stay. ``dangling`` is where a row
    may refer to one that is gone; before Django 6.1 it may do so anywhere else, too.
    ``nulls`` are the databases on which new code may read NULL in the window where its
    models have none; those of a change that is not split are not told.
    """

    name: str
    title: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    outcome: Outcome
    why: str
    answers: tuple[str, ...] = ()
    tidy: bool = False
    kept: frozenset[tuple[str, Any]] = frozenset()
    volatile: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    dangling: bool = False
    names: tuple[str, ...] = ()
    min_django: tuple[int, int] = (5, 2)
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    nulls: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def model(name: str, *lines: str, base: str = "models.Model", meta: str = "") -> str:
    """Return the source of a model."""
    body = [*lines]
    if meta:
        body += ["class Meta:", *(f"    {line}" for line in meta.splitlines())]
    body = body or ["pass"]
    return "\n".join(
        [f"\nclass {name}({base}):", *(f"    {each}" for each in body), ""]
    )


CUSTOMER = model("Customer", "name = models.CharField(max_length=20)")
NUMBER = "number = models.IntegerField()"


def order(*lines: str, meta: str = "", head: str = "") -> str:
    """Return the source of an order, which has a number and these fields."""
    return head + model("Order", NUMBER, *lines, meta=meta)


def shop(source: str) -> dict[str, str]:
    return {"shop": source}


def to_customer(rest: str = "", kind: str = "ForeignKey") -> str:
    """Return a reference to a customer; the rest are its arguments."""
    on_delete = "" if "on_delete" in rest else ", on_delete=models.CASCADE"
    return f"customer = models.{kind}('Customer'{on_delete}{rest and ', ' + rest})"
