"""The laws of the bridge: of any two states, and on real databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState
from hypothesis import event, given, note
from hypothesis import strategies as st

from syzygy_like.compatibility import avoidable, incompatibilities
from syzygy_like.expand_contract.bridge import NoBridgeError, bridge
from syzygy_like.expand_contract.change import ModelChange, ordered
from syzygy_like.expand_contract.halves import halves
from syzygy_like.expand_contract.naming import combined
from syzygy_like.planning.resolver import infer
from syzygy_like.rehearsal.workload.actions import alone, together
from syzygy_like.rehearsal.workload.rows import tables
from syzygy_like.rehearsal.workload.runner import FailedAction, run
from syzygy_like.schema import schema
from syzygy_like.schema.effects import Reader
from syzygy_like.stages import Stage
from tests.laws.test_soundness import (
    described,
    emptied,
    migrations,
    on_database,
    same_kinds,
    tracked,
)
from tests.support.projects import physical
from tests.support.strategies import pairs, states
from tests.support.workload import build, populate, rehearse

vendors = st.sampled_from(["sqlite", "postgresql"])


def bridged(old: ProjectState, new: ProjectState):
    """Return the bridge of two states, None if there is none."""
    note(f"old:\n{described(old)}\nnew:\n{described(new)}")
    try:
        result = bridge(old, new)
    except NoBridgeError as error:
        event(f"no bridge: {error.problem.rule if error.problem else 'clash'}")
        return None
    event("mixed" if result.mixed else "plain")
    note(f"between:\n{described(result.state)}")
    return result


def problems(code: ProjectState, between: ProjectState, old: ProjectState):
    """Return what a code cannot do in the window, which begins with old rows."""
    return incompatibilities(schema(code), schema(between), before=schema(old))


def after(start: ProjectState, several: Iterable[Migration]) -> ProjectState:
    state = start.clone()
    for migration in several:
        for operation in migration.operations:
            operation.state_forwards(migration.app_label, state)
    return state


@given(vendors.flatmap(pairs))
def test_both_codes_run_on_the_bridge(pair):
    old, new = pair
    result = bridged(old, new)
    if result is not None:
        for code in (old, new):
            assert avoidable(problems(code, result.state, old)) == []


@given(vendors.flatmap(states))
def test_the_bridge_of_a_state_to_itself_is_that_state(state):
    assert bridge(state, state).state.models == state.models


@given(vendors.flatmap(pairs))
def test_the_bridge_leads_to_the_new_state_and_nowhere_else(pair):
    old, new = pair
    result = bridged(old, new)
    if result is None or not same_kinds(old, new):
        return
    there = after(old, migrations(old, result.state, renames=False))
    assert schema(there) == schema(result.state)
    home = after(there, migrations(there, new, renames=False))
    assert schema(home) == schema(new)
    assert list(migrations(home, new, renames=False)) == []


def parts(old: ProjectState, new: ProjectState, between: ProjectState):
    """Return the migrations of a release, half by half."""
    first, last = halves(ModelChange(old, new), between)
    both = combined(first, last)
    expand = {id(each) for app in first for each in both[app][: len(first[app])]}
    several = list(ordered(both))
    return (
        [each for each in several if id(each) in expand],
        [each for each in several if id(each) not in expand],
    )


@given(vendors.flatmap(pairs))
def test_each_migration_fits_the_stage_of_its_half(pair):
    old, new = pair
    result = bridged(old, new)
    if result is None or not same_kinds(old, new):
        return
    tracker = tracked(old)
    for stage, half in zip(
        (Stage.PRE_DEPLOY, Stage.POST_DEPLOY),
        parts(old, new, result.state),
        strict=True,
    ):
        for migration in half:
            tracker.settle()
            world = tracker.schemas
            step = Reader().read(tracker, migration)
            assert stage in infer(step, world).stage, migration.operations
    assert tracker.schemas.code == schema(new)


def apply(several: list[Migration], state: ProjectState, alias: str) -> ProjectState:
    for migration in several:
        with connections[alias].schema_editor(atomic=True) as editor:
            state = migration.apply(state, editor)
    return state


def failures(state: ProjectState, alias: str, start: int) -> list[FailedAction]:
    used = tables(state.apps, alias)
    return [
        *rehearse(used, alias, alone, start),
        *rehearse(used, alias, together, start),
    ]


def deletions(state: ProjectState, alias: str, start: int) -> list[FailedAction]:
    """Return what fails when a code deletes rows, to which those of others refer."""
    several = tables(state.apps, alias)
    return [
        failure
        for model in several
        for failure in run(
            model,
            [each for each in together(model, alias) if each.name == "DELETE"],
            alias,
            start,
        )
    ]


def shape(alias: str) -> dict[str, Any]:
    """Return what introspection tells, without names that depend on the order."""
    return {
        table: (
            sorted(columns.items()),
            sorted(constraints.values()),
        )
        for table, (columns, constraints) in physical(alias).items()
    }


def stock(old: ProjectState, new: ProjectState, alias: str, with_rows: bool) -> None:
    """Take a database from one state to another as Django does."""
    build(old.apps, alias)
    if with_rows:
        populate(old.apps, alias)
    apply(list(migrations(old, new, renames=False)), old, alias)


@pytest.mark.databases("sqlite", "postgresql")
def test_a_release_on_a_real_database(databases, database):
    vendor = connections[database].vendor

    @given(pairs(vendor), st.booleans())
    @on_database(15 if vendor == "sqlite" else 10)
    def law(pair, with_rows):
        old, new = pair
        result = bridged(old, new)
        if result is None or not same_kinds(old, new):
            return
        expected = None
        with emptied(databases, database), contextlib.suppress(DatabaseError):
            with transaction.atomic(using=database):
                stock(old, new, database, with_rows)
            expected = shape(database)
        if expected is None:
            event("Django fails, too")
            return
        with emptied(databases, database):
            released(old, new, result.state, database, with_rows)
            assert shape(database) == expected

    law()


def released(
    old: ProjectState,
    new: ProjectState,
    between: ProjectState,
    alias: str,
    with_rows: bool,
) -> None:
    """Take a database through a release, with old and new code at work."""
    expand, contract = parts(old, new, between)
    build(old.apps, alias)
    start = populate(old.apps, alias) if with_rows else 1
    state = apply(expand, old, alias)
    for code in (old, new):
        assert failures(code, alias, start) == []
    start = populate(new.apps, alias, start=start)
    rules = {each.rule for each in problems(old, state, old)}
    if "protected-delete" in rules:
        event("protects")
    else:
        assert deletions(old, alias, start) == []
    apply(contract, state, alias)
    assert failures(new, alias, start) == []
