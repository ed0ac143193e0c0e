"""Why a migration cannot be applied in parts."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from syzygy_like.compatibility import Problem
from syzygy_like.schema import Patch, Schema
from syzygy_like.schema.names import parents


class Obstacle(enum.Enum):
    """What is in the way of an operation that is to be applied in part."""

    BREAKS = "there is nothing that both versions can run on"
    MOVES = "values move from one name to another"
    TAKEN = "what it makes is there already, and still used"
    UNREADABLE = "what it does to the database is not what the models say"
    NULLS = "it would find NULL where its models have none"
    LEAVES = "it makes a table unmanaged that is not finished"
    EARLY = "it needs what comes later"


@dataclasses.dataclass(eq=False)
class CannotSplitError(Exception):
    """
    An operation cannot be applied now, not even in part.

    ``old`` is what the old version would lose, ``new`` the new one, as far as it is
    that.
    """

    migration: Migration
    operation: Operation
    obstacle: Obstacle
    old: Sequence[Problem] = ()
    new: Sequence[Problem] = ()


def moves(patch: Patch) -> bool:
    """
    Tell whether a single change takes values from one name to another.

    It does if a table or a column goes while another one comes.
    """
    whole = [(old is None, new is None) for old, new in patch.changes.values()]
    if (True, False) in whole and (False, True) in whole:
        return True
    return any(
        set(old.columns) - set(new.columns) and set(new.columns) - set(old.columns)
        for old, new in patch.changes.values()
        if old and new
    )


def collides(patch: Patch, database: Schema) -> bool:
    """Tell whether a change makes a table or a column that the database has."""
    for name, (old, new) in patch.changes.items():
        there = database.tables.get(name)
        if there is None or new is None:
            continue
        if old is None or (set(new.columns) - set(old.columns)) & set(there.columns):
            return True
    return False


def leaves(patch: Patch, applied: Schema) -> bool:
    """Tell whether a change makes a table unmanaged that is not finished."""
    return any(
        new.external and not old.external and applied.tables.get(name) != old
        for name, (old, new) in patch.changes.items()
        if old and new
    )


def inherits_twice(state: ProjectState) -> bool:
    """Tell whether a model has a field that a model it inherits from has, too."""
    for model in state.models.values():
        for key in parents(model):
            parent = state.models.get(key)
            if parent and set(model.fields) & set(parent.fields) - {"id"}:
                return True
    return False
