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
from tests.support.deploy_histories import (
    DeployedHistory,
    configured,
    difference,
    failures,
)
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
        law(DeployedHistory(history, databases, alias), with_rows, *more)

    checked()


def djangos_end(deployed: DeployedHistory, with_rows: bool) -> Any:
    """Return where Django's own migrate leads, if it gets there."""
    deployed.begin(with_rows)
    if deployed.stock():
        return deployed.shape(), deployed.rows()
    event("Django fails, too")
    return None


def test_a_deploy_ends_where_django_does(databases, database):
    def law(deployed, with_rows):
        end = djangos_end(deployed, with_rows)
        if end is None:
            return
        deployed.begin(with_rows)
        start = deployed.shape(), deployed.rows()
        if deployed.is_refused():
            event("refused")
            assert not deployed.is_under_way
            assert difference((deployed.shape(), deployed.rows()), start) == ""
            return
        event("ledger" if deployed.is_under_way else "no ledger")
        deployed.check_consistent()
        between = deployed.shape()
        assert "Applying" not in deployed.migrate("--pre-deploy")
        assert difference(deployed.shape(), between) == ""
        deployed.migrate("--post-deploy")
        assert not deployed.is_under_way
        assert difference((deployed.shape(), deployed.rows()), end) == ""

    holds(databases, database, 6, law)


def test_old_and_new_code_run_in_between(databases, database):
    def law(deployed, with_rows):
        end = djangos_end(deployed, with_rows)
        if end is None:
            return
        old, new = deployed.history.start, deployed.history.end
        start = deployed.begin(with_rows)
        try:
            plan = deployed.migrate("--pre-deploy", "--plan", "-v2")
        except CommandError:
            plan = ""
        if deployed.is_refused() or not deployed.is_under_way:
            return
        of_old = failures(old, database, start, own_rows, shared_rows)
        of_new = failures(new, database, start, own_rows, shared_rows)
        start = populate(new.apps, database, start=start)
        of_old |= failures(old, database, start, shared_rows)
        deployed.migrate("--post-deploy")
        of_new |= failures(new, database, start, shared_rows)
        assert difference(deployed.shape(), end[0]) == ""
        if "[protected-delete]" in plan:  # which is what it says
            of_old = {k: v for k, v in of_old.items() if not k[1].startswith("DELETE")}
        # What fails at home, too, is nobody's fault.
        if of_old:
            deployed.begin(with_rows)
            assert (
                told(of_old, failures(old, database, start, own_rows, shared_rows))
                == []
            )
        if of_new:
            djangos_end(deployed, with_rows)
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
    def law(deployed, with_rows):
        if djangos_end(deployed, with_rows) is None:
            return
        deployed.begin(with_rows)
        start = deployed.shape(), deployed.rows()
        if deployed.is_refused() or not deployed.is_under_way:
            return
        deployed.migrate("--abort-deploy")
        assert not deployed.is_under_way
        assert difference(deployed.shape(), start[0]) == ""
        if not deployed.history.changes_rows:
            assert difference(deployed.rows(), start[1]) == ""

    holds(databases, database, 3, law)


def test_a_crash_costs_no_more_than_another_try(databases, database):
    def law(deployed, with_rows, number):
        end = djangos_end(deployed, with_rows)
        if end is None:
            return
        deployed.begin(with_rows)
        start = deployed.shape()
        if deployed.is_refused() or not deployed.is_under_way:
            return
        between = deployed.shape()
        deployed.crash(number, "--abort-deploy")
        assert difference(deployed.shape(), start) == ""
        deployed.crash(number, "--pre-deploy")
        assert difference(deployed.shape(), between) == ""
        deployed.crash(number, "--post-deploy")
        assert difference(deployed.shape(), end[0]) == ""
        assert not deployed.is_under_way

    holds(databases, database, 3, law, st.integers(0, 80))
