"""The laws of the core, held against real databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from django.core.checks import ERROR
from django.db import connections, transaction
from django.db.migrations import Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.utils import resolve_relation
from django.db.models import NOT_PROVIDED
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from syzygy_like.compatibility import Problem, errors, incompatibilities
from syzygy_like.schema import Schema, Table, always, schema
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.tracking import TrackedState, Tracker
from tests.support.strategies import pairs, states
from tests.support.vocabulary import described
from tests.support.workload import exercise


def on_database(examples: int):
    """Run this many examples, more if ``--laws`` asks for more of each property."""
    usual = settings.get_profile("default").max_examples
    return settings(
        max_examples=max(1, examples * settings().max_examples // usual),
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
    @on_database(40)
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
    @on_database(8)
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
    @on_database(24 if vendor == "sqlite" else 16)
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


# Rules that are on the safe side by design: where they are not kept PostgreSQL may
# take what the code does all the same. Comparing with another type or collation may
# work, and a key that is not primary may be unique.
CAUTIOUS = {"other-type", "other-collation", "primary-key"}


def certain(problem: Problem, code: Schema, database: Schema) -> bool:
    """Tell whether the database lets code with this problem fail each time."""
    if problem.rule in CAUTIOUS:
        return False
    mine, theirs = code.tables.get(problem.table), database.tables.get(problem.table)
    if problem.rule == "missing-default":
        # Where NULL is allowed it takes the place of the default.
        return not theirs.columns[problem.column].null
    if mine and refers_to_itself(mine, problem.column):
        # Rows that refer to rows of their own table are tried with everyday values
        # only: the row to refer to comes first, and it refers to none.
        return False
    if problem.rule in ("stricter-unique", "stricter-check"):
        return not needs_proof(mine, theirs)
    return True


def refers_to_itself(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    reference = column.reference if column else None
    return reference is not None and reference.table == table.name


def needs_proof(mine: Table, theirs: Table) -> bool:
    """
    Tell whether conditions or expressions play a part.

    One may follow from another one, or say nothing of what the code leaves out: that
    is not computed.
    """
    plain = all(each.plain and each.condition is None for each in theirs.constraints)
    known = theirs.columns.keys() <= mine.columns.keys()
    simple = all(each.plain and each.condition is None for each in mine.constraints)
    return not simple or not (plain or known)


@pytest.mark.databases("postgresql")
def test_completeness(databases, database):
    @given(pairs("postgresql"))
    @on_database(16)
    def law(pair):
        for code, other in (pair, pair[::-1]):
            schemas = schema(code), schema(other)
            problems = errors(incompatibilities(*schemas))
            if not any(certain(problem, *schemas) for problem in problems):
                event("nothing certain")
                continue
            for problem in problems:
                event(problem.rule)
            with emptied(databases, database):
                note(f"code:\n{described(code)}\ndatabase:\n{described(other)}")
                assert any(True for _ in exercise(code, other, database)), problems

    law()


vendors = st.sampled_from(["sqlite", "postgresql"])


@given(vendors.flatmap(states))
def test_a_schema_suits_itself(state):
    assert incompatibilities(schema(state), schema(state)) == []


@given(vendors.flatmap(states))
def test_a_schema_is_made_without_rendering(state):
    schema(state)
    assert "apps" not in vars(state)


class Questioner(MigrationQuestioner):
    """Answers without asking."""

    def ask_not_null_alteration(self, field_name, model_name):
        return NOT_PROVIDED


def migrations(
    before: ProjectState,
    after: ProjectState,
    renames: bool,
    answers: type[MigrationQuestioner] = Questioner,
):
    """Return the migrations that Django finds between two states, in order."""
    questioner = answers({"ask_rename": renames, "ask_rename_model": renames})
    # The autodetector takes options away from the state that it is given.
    detector = MigrationAutodetector(before.clone(), after.clone(), questioner)
    changes = detector._detect_changes()
    waiting = {
        (migration.app_label, migration.name): migration
        for several in changes.values()
        for migration in several
    }
    while waiting:
        ready = [
            key
            for key, migration in waiting.items()
            if not any(tuple(each) in waiting for each in migration.dependencies)
        ]
        assert ready
        for key in ready:
            yield waiting.pop(key)


def tracked(state: ProjectState) -> Tracker:
    models = {key: model.clone() for key, model in state.models.items()}
    tracker = Tracker(TrackedState(models), always)
    tracker.assume_applied()
    return tracker


@given(vendors.flatmap(pairs), st.booleans())
def test_reading_operations_is_building_step_by_step(pair, renames):
    before, after = pair
    tracker = tracked(before)
    for migration in migrations(before, after, renames):
        Reader().read(tracker, migration)
        assert tracker.schemas.database == tracker.schemas.code
        # The autodetector deletes a proxy before the foreign keys to it.
        if not dangles(tracker.state):
            assert tracker.schemas.code == schema(tracker.state)
    assert "apps" not in vars(tracker.state)
    if same_kinds(before, after):
        assert tracker.schemas.code == schema(after)


def dangles(state: ProjectState) -> bool:
    """Tell whether anything refers to a model that is not there."""
    return any(
        resolve_relation(field.remote_field.model, *key) not in state.models
        for key, model in state.models.items()
        for field in model.fields.values()
        if field.remote_field
    )


def same_kinds(before: ProjectState, after: ProjectState) -> bool:
    """
    Tell whether the autodetector sees all changes.

    It does not look at bases, nor at the fields of a model that becomes managed or
    ceases to be.
    """
    return all(
        model.bases == after.models[key].bases
        and managed(model) == managed(after.models[key])
        for key, model in before.models.items()
        if key in after.models
    )


def managed(model: ModelState) -> bool:
    return model.options.get("managed", True)


@given(vendors.flatmap(pairs), st.booleans())
def test_a_patch_leads_there_and_back(pair, renames):
    tracker = tracked(pair[0])
    for migration in migrations(*pair, renames):
        assert_patches(tracker, migration)


def assert_patches(tracker: Tracker, migration: Migration) -> None:
    before = tracker.schemas.code
    step = Reader().read(tracker, migration)
    after = tracker.schemas.code
    for patch in (step.code, step.database):
        assert patch.apply(before) == after
        assert patch.inverse.apply(after) == before
    reached = before
    for effect in step.effects:
        reached = effect.code.apply(reached)
    assert reached == after
    for effect in step.reversed().effects:
        reached = effect.code.apply(reached)
    assert reached == before
