"""Whether one migration may be carried out before another that it comes after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.migrations import Migration
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.schema import ModelKey
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.names import targets
from syzygy_like.schema.tracking import Tracker

# Options that are lists, but whose order makes no difference.
UNORDERED = ("constraints", "indexes")


def commute(
    start: Tracker, reader: Reader, earlier: Sequence[Migration], later: Migration
) -> bool:
    """
    Tell whether a migration and a chain before it lead to the same in both orders.

    That is the same state and the same schemas. Where one order is not possible the
    answer is no.
    """
    try:
        one = _after(start, reader, [*earlier, later])
        other = _after(start, reader, [later, *earlier])
    except Exception:  # whatever an operation raises that has come too early
        return False
    return one.schemas == other.schemas and same_state(one.state, other.state)


def _after(start: Tracker, reader: Reader, migrations: Iterable[Migration]) -> Tracker:
    tracker = start.fork()
    known = _dangling(tracker.state)
    for migration in migrations:
        reader.read(tracker, migration)
        if missing := _dangling(tracker.state) - known:
            raise LookupError(missing)
    return tracker


def _dangling(state: ProjectState) -> set[ModelKey]:
    """Return the models that others refer to, and that are not there."""
    referred = {each for model in state.models.values() for each in targets(model)}
    return {each for each in referred if each not in state.models}


def same_state(one: ProjectState, other: ProjectState) -> bool:
    """Tell whether two states have the same models, in whatever order."""
    if set(one.models) != set(other.models):
        return False
    return all(
        _same_model(model, other.models[key]) for key, model in one.models.items()
    )


def _same_model(one: ModelState, other: ModelState) -> bool:
    if one is other:
        return True
    one, other = one.clone(), other.clone()
    for model in (one, other):
        for option in UNORDERED:
            if option in model.options:
                named = sorted(model.options[option], key=lambda each: each.name or "")
                model.options[option] = named
    return bool(one == other)
