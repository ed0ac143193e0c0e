"""The laws of the bridge: of any two states, and on real databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.migrations import Migration
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import (
    CASCADE,
    AutoField,
    CheckConstraint,
    DecimalField,
    ForeignKey,
    Q,
)
from hypothesis import event, given, note
from hypothesis import strategies as st

from syzygy_like.compatibility import avoidable, incompatibilities
from syzygy_like.expand_contract.bridge import NoBridgeError, bridge
from syzygy_like.expand_contract.change import (
    ModelChange,
    combine,
    sort_by_dependencies,
)
from syzygy_like.expand_contract.parts import expand_and_contract
from syzygy_like.planning.resolver import infer
from syzygy_like.rehearsal.workload.actions import own_rows, shared_rows
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
from tests.support.databases import Databases
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
    """Return the migrations of a release, part by part."""
    first, last = expand_and_contract(ModelChange(old, new), between)
    both = combine(first, last)
    expand = {id(each) for app in first for each in both[app][: len(first[app])]}
    several = list(sort_by_dependencies(both))
    return (
        [each for each in several if id(each) in expand],
        [each for each in several if id(each) not in expand],
    )


@given(vendors.flatmap(pairs))
def test_each_migration_fits_the_stage_of_its_part(pair):
    old, new = pair
    result = bridged(old, new)
    if result is None or not same_kinds(old, new):
        return
    tracker = tracked(old)
    for stage, part in zip(
        (Stage.PRE_DEPLOY, Stage.POST_DEPLOY),
        parts(old, new, result.state),
        strict=True,
    ):
        for migration in part:
            tracker.assume_applied()
            world = tracker.schemas
            step = Reader().read(tracker, migration)
            assert stage in infer(step, world).stage, migration.operations
    assert tracker.schemas.code == schema(new)


def apply(several: list[Migration], state: ProjectState, alias: str) -> ProjectState:
    # A migration changes the state that it is applied to, and the models made of it.
    state = ProjectState({key: each.clone() for key, each in state.models.items()})
    for migration in several:
        with connections[alias].schema_editor(atomic=True) as editor:
            state = migration.apply(state, editor)
    # All is one transaction here, in which a key that Django adds is IMMEDIATE. It is
    # deferred again after a check, as it is after a commit.
    connections[alias].check_constraints()
    return state


def failures(state: ProjectState, alias: str, start: int) -> list[FailedAction]:
    used = tables(state.apps, alias)
    return [
        *rehearse(used, alias, own_rows, start),
        *rehearse(used, alias, shared_rows, start),
    ]


def deletions(state: ProjectState, alias: str, start: int) -> list[FailedAction]:
    """Return what fails when a code deletes rows, to which those of others refer."""
    several = tables(state.apps, alias)
    return [
        failure
        for model in several
        for failure in run(
            model,
            [each for each in shared_rows(model, alias) if each.name == "DELETE"],
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
    @on_database(6)
    def law(pair, with_rows):
        assert_released_as_by_django(databases, database, *pair, with_rows)

    law()


@pytest.mark.parametrize("with_rows", [True, False])
@pytest.mark.databases("sqlite", "postgresql")
def test_a_check_that_comes_on_a_real_database(databases, database, with_rows):
    check = CheckConstraint(condition=Q(b__gte=1), name="b_is_positive")

    @given(st.just((orders(), orders(check))))
    @on_database(1)
    def law(pair):
        assert_released_as_by_django(databases, database, *pair, with_rows)
        # The old version may still write what the new one may not.
        assert schema(pair[0]) == schema(orders())

    law()


def orders(*constraints: CheckConstraint) -> ProjectState:
    """Return a model with these constraints and a key that cascades, and its target."""
    post = ModelState("blog", "Post", [("id", AutoField(primary_key=True))])
    fields = {
        "id": AutoField(primary_key=True),
        "b": DecimalField(max_digits=4, decimal_places=2, null=True, unique=True),
    }
    if constraints:
        fields["s"] = ForeignKey("blog.Post", CASCADE, null=True, related_name="+")
    options = {"constraints": [*constraints], "indexes": []}
    order = ModelState("shop", "Order", list(fields.items()), options)
    return ProjectState({("blog", "post"): post, ("shop", "order"): order})


def assert_released_as_by_django(
    databases: Databases,
    alias: str,
    old: ProjectState,
    new: ProjectState,
    with_rows: bool,
) -> None:
    """Hold the database after a release against the one that Django leads to."""
    result = bridged(old, new)
    if result is None or not same_kinds(old, new):
        return
    expected = None
    with emptied(databases, alias), contextlib.suppress(DatabaseError):
        with transaction.atomic(using=alias):
            stock(old, new, alias, with_rows)
        expected = shape(alias)
    if expected is None:
        event("Django fails, too")
        return
    with emptied(databases, alias):
        released(old, new, result.state, alias, with_rows)
        assert shape(alias) == expected


def released(
    old: ProjectState,
    new: ProjectState,
    between: ProjectState,
    alias: str,
    with_rows: bool,
) -> None:
    """Take a database through a release, with the old and the new version at work."""
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
