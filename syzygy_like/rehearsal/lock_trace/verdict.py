"""What the locks and the work of a migration mean for live traffic: the rule."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence

from syzygy_like.rehearsal.report import Verdict

# From weak to strong. PostgreSQL, "Explicit Locking", "Table-Level Lock Modes".
MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)

# What conflicts with ACCESS SHARE, which SELECT takes, and with ROW EXCLUSIVE, which
# INSERT, UPDATE and DELETE take. Same section, table "Conflicting Lock Modes".
BLOCKING_READS = frozenset({"ACCESS EXCLUSIVE"})
BLOCKING_WRITES = BLOCKING_READS | {"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE"}

BULK = 100  # rows; a transaction that writes more takes long on a large table


@dataclasses.dataclass(frozen=True)
class Effect:
    """
    What one statement did.

    ``modes`` are the locks that it took on tables that were there before. ``grows``
    tells whether it scanned or rewrote one of them. ``written`` is the number of rows
    that it wrote to any table, ``changed`` the number of those that it updated or
    deleted in tables that were there before.
    """

    modes: frozenset[str] = frozenset()
    grows: bool = False
    written: int = 0
    changed: int = 0


def verdict(transactions: Iterable[Sequence[Effect]], bulk: int = BULK) -> Verdict:
    """
    Return the worst that a migration does in one of its transactions.

    More than ``bulk`` rows are taken for what grows with the table.

    A lock is held until the transaction ends (PostgreSQL, "Explicit Locking"), so what
    counts is the work from the statement that takes it on. Work grows with the rows if
    a table is scanned, rewritten (PostgreSQL, "ALTER TABLE", "Notes") or written in
    bulk. Rows that are updated or deleted block those who write the same rows
    (PostgreSQL, "Explicit Locking", "Row-Level Locks").
    """
    found = {_of_transaction(effects, bulk) for effects in transactions}
    for each in (Verdict.BLOCKS_ALL, Verdict.BLOCKS_WRITES):
        if each in found:
            return each
    return Verdict.ONLINE


def _of_transaction(effects: Sequence[Effect], bulk: int) -> Verdict:
    if _grows_under(BLOCKING_READS, effects, bulk):
        return Verdict.BLOCKS_ALL
    locks_rows = sum(each.changed for each in effects) > bulk
    if locks_rows or _grows_under(BLOCKING_WRITES, effects, bulk):
        return Verdict.BLOCKS_WRITES
    return Verdict.ONLINE


def _grows_under(modes: Collection[str], effects: Sequence[Effect], bulk: int) -> bool:
    """Tell whether work grows with the rows from the first of these locks on."""
    held = itertools.dropwhile(lambda each: each.modes.isdisjoint(modes), effects)
    under = list(held)
    in_bulk = sum(each.written for each in under) > bulk
    return in_bulk or any(each.grows for each in under)
