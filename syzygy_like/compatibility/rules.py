"""What code cannot do on a database, as data."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator

from syzygy_like.schema import Column, Schema, Table


@dataclasses.dataclass(frozen=True)
class Problem:
    """
    A way in which code fails on a database.

    ``rule`` is the id of the rule that it breaks; ``table`` and ``column`` are
    names in the database, ``label`` and ``field`` the names in the models.
    ``detail`` is what the rule has to say beyond that, such as the name of a
    constraint. A ``hazard`` may go wrong, but does not of itself.
    """

    rule: str
    table: str
    column: str = ""
    detail: str = ""
    hazard: bool = False
    label: str = dataclasses.field(default="", compare=False)
    field: str = dataclasses.field(default="", compare=False)

    @property
    def subject(self) -> str:
        """The name of what is concerned, in the words of the models."""
        label = self.label or self.table
        return f"{label}.{self.field or self.column}" if self.column else label


@dataclasses.dataclass(frozen=True)
class Comparison:
    """
    One table as the code and as the database has it, at least one of them.

    ``before`` is the schema whose rows already exist: what it does not have is
    still empty when the code meets it.
    """

    code: Table | None
    database: Table | None
    code_schema: Schema
    database_schema: Schema
    before: Schema

    @property
    def known(self) -> bool:
        """Whether the code uses the table at all."""
        return self.code is not None

    @functools.cached_property
    def shared(self) -> list[tuple[Column, Column]]:
        """The columns that both sides have: the code's, the database's."""
        if self.code is None or self.database is None:
            return []
        theirs = self.database.columns
        return [
            (column, theirs[name])
            for name, column in self.code.columns.items()
            if name in theirs
        ]

    @functools.cached_property
    def unwritten(self) -> dict[str, Column]:
        """The database's columns that the code's INSERT leaves out."""
        if self.database is None:
            return {}
        mine = self.code.columns if self.code else {}
        return {
            name: column
            for name, column in self.database.columns.items()
            if name not in mine or mine[name].generated
        }

    def problem(
        self,
        rule: str,
        column: Column | None = None,
        detail: str = "",
        hazard: bool = False,
    ) -> Problem:
        """Return a problem of this table."""
        table = self.code or self.database
        assert table is not None
        return Problem(
            rule,
            table.name,
            column=column.name if column else "",
            detail=detail,
            hazard=hazard,
            label=table.label,
            field=column.field if column else "",
        )


Check = Callable[[Comparison], Iterator[Problem]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule: its id, what breaks where it is not kept, and how to tell."""

    id: str
    what_breaks: str
    check: Check


RULES: dict[str, Rule] = {}


def rule(id: str) -> Callable[[Check], Check]:
    """Register a generator of problems; its docstring says what breaks."""

    def register(check: Check) -> Check:
        RULES[id] = Rule(id, " ".join((check.__doc__ or "").split()), check)
        return check

    return register
