"""The laws of a deploy, over random histories and on real databases."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connections
from hypothesis import event, given, note
from hypothesis import strategies as st

from syzygy_like.rehearsal.workload.actions import own_rows, shared_rows
from tests.laws.test_soundness import on_database
from tests.support.deploy_histories import Crossing, configured, difference, failures
from tests.support.histories import histories
from tests.support.workload import populate

pytestmark = [
    pytest.mark.databases("sqlite", "postgresql"),
    # Django says so when it validates a unique constraint over a JSONField.
    pytest.mark.filterwarnings("ignore:Using None as the right-hand side"),
]


@pytest.fixture(autouse=True)
def _project():
    with configured():
        yield


def holds(databases, alias, examples, law, *more):
    """Hold a law against random histories that Django can apply."""

    @given(histories(connections[alias].vendor), st.booleans(), st.tuples(*more))
    @on_database(examples)
    def checked(history, with_rows, more):
        note(repr(history))
        law(Crossing(history, databases, alias), with_rows, *more)

    checked()


def straight(deploy_state: Crossing, with_rows: bool) -> Any:
    """Return where Django's own migrate leads, if it gets there."""
    deploy_state.begin(with_rows)
    if deploy_state.stock():
        return deploy_state.shape(), deploy_state.rows()
    event("Django fails, too")
    return None


def test_a_deploy_ends_where_django_does(databases, database):
    def law(deploy_state, with_rows):
        end = straight(deploy_state, with_rows)
        if end is None:
            return
        deploy_state.begin(with_rows)
        start = deploy_state.shape(), deploy_state.rows()
        if deploy_state.is_refused():
            event("refused")
            assert not deploy_state.is_under_way
            assert difference((deploy_state.shape(), deploy_state.rows()), start) == ""
            return
        event("ledger" if deploy_state.is_under_way else "no ledger")
        deploy_state.check_consistent()
        between = deploy_state.shape()
        assert "Applying" not in deploy_state.migrate("--pre-deploy")
        assert difference(deploy_state.shape(), between) == ""
        deploy_state.migrate("--post-deploy")
        assert not deploy_state.is_under_way
        assert difference((deploy_state.shape(), deploy_state.rows()), end) == ""

    holds(databases, database, 6, law)


def test_old_and_new_code_run_in_between(databases, database):
    def law(deploy_state, with_rows):
        end = straight(deploy_state, with_rows)
        if end is None:
            return
        old, new = deploy_state.history.start, deploy_state.history.end
        start = deploy_state.begin(with_rows)
        try:
            plan = deploy_state.migrate("--pre-deploy", "--plan", "-v2")
        except CommandError:
            plan = ""
        if deploy_state.is_refused() or not deploy_state.is_under_way:
            return
        of_old = failures(old, database, start, own_rows, shared_rows)
        of_new = failures(new, database, start, own_rows, shared_rows)
        start = populate(new.apps, database, start=start)
        of_old |= failures(old, database, start, shared_rows)
        deploy_state.migrate("--post-deploy")
        of_new |= failures(new, database, start, shared_rows)
        assert difference(deploy_state.shape(), end[0]) == ""
        if "[protected-delete]" in plan:  # which is what it says
            of_old = {k: v for k, v in of_old.items() if not k[1].startswith("DELETE")}
        # What fails at home, too, is nobody's fault.
        if of_old:
            deploy_state.begin(with_rows)
            assert (
                told(of_old, failures(old, database, start, own_rows, shared_rows))
                == []
            )
        if of_new:
            straight(deploy_state, with_rows)
            assert (
                told(of_new, failures(new, database, start, own_rows, shared_rows))
                == []
            )

    holds(databases, database, 3, law)


def told(found, known):
    """Return a few of the failures that are not known, one line for each."""
    new = [each for each in found if each not in known]
    return [f"{each}: {found[each]}".splitlines()[0] for each in new[:3]]


def test_a_deploy_that_is_given_up_leaves_nothing_behind(databases, database):
    def law(deploy_state, with_rows):
        if straight(deploy_state, with_rows) is None:
            return
        deploy_state.begin(with_rows)
        start = deploy_state.shape(), deploy_state.rows()
        if deploy_state.is_refused() or not deploy_state.is_under_way:
            return
        deploy_state.migrate("--abort-deploy")
        assert not deploy_state.is_under_way
        assert difference(deploy_state.shape(), start[0]) == ""
        if not deploy_state.history.changes_rows:
            assert difference(deploy_state.rows(), start[1]) == ""

    holds(databases, database, 3, law)


def test_a_crash_costs_no_more_than_another_try(databases, database):
    def law(deploy_state, with_rows, number):
        end = straight(deploy_state, with_rows)
        if end is None:
            return
        deploy_state.begin(with_rows)
        start = deploy_state.shape()
        if deploy_state.is_refused() or not deploy_state.is_under_way:
            return
        between = deploy_state.shape()
        deploy_state.crash(number, "--abort-deploy")
        assert difference(deploy_state.shape(), start) == ""
        deploy_state.crash(number, "--pre-deploy")
        assert difference(deploy_state.shape(), between) == ""
        deploy_state.crash(number, "--post-deploy")
        assert difference(deploy_state.shape(), end[0]) == ""
        assert not deploy_state.is_under_way

    holds(databases, database, 3, law, st.integers(0, 80))
