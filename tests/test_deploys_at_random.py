"""The laws of a deploy, over random histories and on real databases."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connections
from hypothesis import event, given, note
from hypothesis import strategies as st

from syzygy_like.rehearsal.workload.actions import alone, together
from tests.crossings import Crossing, configured, difference, failures
from tests.exercise import populate
from tests.histories import histories
from tests.test_soundness import on_database

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


def straight(crossing: Crossing, with_rows: bool) -> Any:
    """Return where Django's own migrate leads, if it gets there."""
    crossing.begin(with_rows)
    if crossing.stock():
        return crossing.shape(), crossing.rows()
    event("Django fails, too")
    return None


def test_a_deploy_ends_where_django_does(databases, database):
    def law(crossing, with_rows):
        end = straight(crossing, with_rows)
        if end is None:
            return
        crossing.begin(with_rows)
        start = crossing.shape(), crossing.rows()
        if crossing.is_refused():
            event("refused")
            assert not crossing.is_under_way
            assert difference((crossing.shape(), crossing.rows()), start) == ""
            return
        event("ledger" if crossing.is_under_way else "no ledger")
        crossing.check_consistent()
        between = crossing.shape()
        assert "Applying" not in crossing.migrate("--pre-deploy")
        assert difference(crossing.shape(), between) == ""
        crossing.migrate("--post-deploy")
        assert not crossing.is_under_way
        assert difference((crossing.shape(), crossing.rows()), end) == ""

    holds(databases, database, 12, law)


def test_old_and_new_code_run_in_between(databases, database):
    def law(crossing, with_rows):
        end = straight(crossing, with_rows)
        if end is None:
            return
        old, new = crossing.history.start, crossing.history.end
        start = crossing.begin(with_rows)
        try:
            plan = crossing.migrate("--pre-deploy", "--plan", "-v2")
        except CommandError:
            plan = ""
        if crossing.is_refused() or not crossing.is_under_way:
            return
        of_old = failures(old, database, start, alone, together)
        of_new = failures(new, database, start, alone, together)
        start = populate(new.apps, database, start=start)
        of_old |= failures(old, database, start, together)
        crossing.migrate("--post-deploy")
        of_new |= failures(new, database, start, together)
        assert difference(crossing.shape(), end[0]) == ""
        if "[protected-delete]" in plan:  # which is what it says
            of_old = {k: v for k, v in of_old.items() if not k[1].startswith("DELETE")}
        # What fails at home, too, is nobody's fault.
        if of_old:
            crossing.begin(with_rows)
            assert told(of_old, failures(old, database, start, alone, together)) == []
        if of_new:
            straight(crossing, with_rows)
            assert told(of_new, failures(new, database, start, alone, together)) == []

    holds(databases, database, 4, law)


def told(found, known):
    """Return a few of the failures that are not known, one line for each."""
    new = [each for each in found if each not in known]
    return [f"{each}: {found[each]}".splitlines()[0] for each in new[:3]]


def test_a_deploy_that_is_given_up_leaves_nothing_behind(databases, database):
    def law(crossing, with_rows):
        if straight(crossing, with_rows) is None:
            return
        crossing.begin(with_rows)
        start = crossing.shape(), crossing.rows()
        if crossing.is_refused() or not crossing.is_under_way:
            return
        crossing.migrate("--abort-deploy")
        assert not crossing.is_under_way
        assert difference(crossing.shape(), start[0]) == ""
        if not crossing.history.changes_rows:
            assert difference(crossing.rows(), start[1]) == ""

    holds(databases, database, 6, law)


def test_a_crash_costs_no_more_than_another_try(databases, database):
    def law(crossing, with_rows, number):
        end = straight(crossing, with_rows)
        if end is None:
            return
        crossing.begin(with_rows)
        start = crossing.shape()
        if crossing.is_refused() or not crossing.is_under_way:
            return
        between = crossing.shape()
        crossing.crash(number, "--abort-deploy")
        assert difference(crossing.shape(), start) == ""
        crossing.crash(number, "--pre-deploy")
        assert difference(crossing.shape(), between) == ""
        crossing.crash(number, "--post-deploy")
        assert difference(crossing.shape(), end[0]) == ""
        assert not crossing.is_under_way

    holds(databases, database, 6, law, st.integers(0, 80))
