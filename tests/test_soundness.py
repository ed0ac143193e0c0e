"""The laws of the core, held against real databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from django.core.checks import ERROR
from django.db import connections, transaction
from django.db.migrations.state import ProjectState
from hypothesis import HealthCheck, event, given, note, settings

from syzygy_like.compat import errors, incompatibilities
from syzygy_like.schema import schema
from tests.exercise import exercise
from tests.strategies import pairs, states
from tests.vocabulary import described


def on_database(examples: int):
    """Run this many examples, forty times as many in the thorough profile."""
    thorough = settings().max_examples >= 1000
    return settings(
        max_examples=examples * (40 if thorough else 1),
        # The databases are emptied here after each example.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
        ],
        deadline=None,
    )


@contextlib.contextmanager
def emptied(databases, alias: str) -> Iterator[None]:
    """Leave nothing behind: by a rollback where DDL and constraints allow it."""
    if connections[alias].vendor != "postgresql":
        databases.empty(alias)
        yield
        return
    with transaction.atomic(using=alias):
        yield
        transaction.set_rollback(True, using=alias)


def found(code: ProjectState, database: ProjectState):
    return errors(incompatibilities(schema(code), schema(database)))


@pytest.mark.databases("sqlite", "postgresql")
def test_the_states_are_valid(database):
    vendor = connections[database].vendor

    @given(states(vendor))
    @on_database(100)
    def law(state):
        note(described(state))
        problems = [
            problem
            for model in state.apps.get_models()
            for problem in model.check(databases=[database])
            # States have sets where models have tuples (E010).
            if problem.level >= ERROR and problem.id != "models.E010"
        ]
        assert problems == []

    law()


@pytest.mark.databases("sqlite", "postgresql")
def test_code_runs_on_its_own_database(databases, database):
    vendor = connections[database].vendor

    @given(states(vendor))
    @on_database(15)
    def law(state):
        note(described(state))
        assert incompatibilities(schema(state), schema(state)) == []
        with emptied(databases, database):
            assert list(exercise(state, state, database)) == []

    law()


@pytest.mark.databases("sqlite", "postgresql")
def test_soundness(databases, database):
    vendor = connections[database].vendor

    @given(pairs(vendor))
    @on_database(40)
    def law(pair):
        for code, other in (pair, pair[::-1]):
            if found(code, other):
                event("errors")
                continue
            event("none")
            with emptied(databases, database):
                note(f"code:\n{described(code)}\ndatabase:\n{described(other)}")
                assert list(exercise(code, other, database)) == []

    law()


CAUTIOUS = {"other-type", "other-collation", "primary-key"}


@pytest.mark.databases("postgresql")
def test_completeness(databases, database):
    @given(pairs("postgresql"))
    @on_database(25)
    def law(pair):
        for code, other in (pair, pair[::-1]):
            problems = found(code, other)
            if {each.rule for each in problems} - CAUTIOUS:
                with emptied(databases, database):
                    note(f"code:\n{described(code)}\ndatabase:\n{described(other)}")
                    assert any(map(bool, exercise(code, other, database))), problems

    law()
