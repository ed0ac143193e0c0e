"""Backfills whose process is killed, and what the next one does."""

from __future__ import annotations

import itertools
import os
import signal
import threading

import pytest
from django.db import connections
from django.db.migrations.state import ProjectState
from django.db.models import F

from syzygy_like.operations import Backfill
from tests.support.backfills import (
    AGAIN,
    ORDERS,
    TABLE,
    insert,
    is_under_way,
    numbers,
    order,
    started,
)
from tests.support.databases import forget
from tests.support.orders import execute, names

UNDONE = {"n": F("n") - 1}
FILL = Backfill("Order", AGAIN, reverse=UNDONE, batch_size=2)
UPDATE = f'UPDATE "{ORDERS}"'
FUNCTION = """
import os
import signal
from pathlib import Path

from django.db import migrations, models

from syzygy_like.operations import Backfill


def fill(rows):
    rows.update(n=models.F("n") + 1)
    mark = Path(__file__).with_name("kills")
    if mark.exists() and rows.filter(pk=5).exists():
        os.kill(os.getpid(), signal.SIGKILL)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0001_initial")]
    operations = [Backfill("Order", function=fill, batch_size=2)]
"""


def forked(alias, function, *arguments):
    """Call a function in a process of its own; tell whether it was killed."""
    forget(alias)  # a connection is not to be shared
    child = os.fork()
    if not child:
        try:
            function(alias, *arguments)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def carry_out(alias, operation, backwards=False):
    state = ProjectState()
    order().state_forwards("shop", state)
    move = operation.database_backwards if backwards else operation.database_forwards
    with connections[alias].schema_editor(atomic=False) as editor:
        move("shop", editor, state, state)


def kill_at(alias, number, operation, backwards=False, about=""):
    """Carry an operation out up to a statement about something; be killed after it."""
    countdown = itertools.count(number, -1)

    def wrapper(execute, sql, *arguments):
        if sql.startswith("DELETE"):  # all is done
            os._exit(0)
        result = execute(sql, *arguments)
        if about in sql and next(countdown) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with connections[alias].execute_wrapper(wrapper):
        carry_out(alias, operation, backwards)


def reset(database, *keys, n=0):
    """Let there be orders with these primary keys, and no backfill under way."""
    if is_under_way(database):
        execute(database, f"DROP TABLE {TABLE}")
    execute(database, "DELETE FROM shop_order")
    insert(database, *keys)
    execute(database, "UPDATE shop_order SET n = %s", n)


@pytest.mark.databases("sqlite", "postgresql")
def test_it_goes_on_where_it_was_killed(project, database):
    """Wherever that was, no row is changed twice, and none is left out."""
    started(project, database)
    for number in itertools.count():
        reset(database, 1, 2, 5)
        was_killed = forked(database, kill_at, number, FILL)
        carry_out(database, FILL)
        assert numbers(database) == [1] * 3, number
        assert not is_under_way(database)
        if not was_killed:
            break
    assert number > 15


@pytest.mark.databases("sqlite")
def test_it_goes_on_with_the_way_back(project, database):
    started(project, database)
    for number in itertools.count(step=2):
        reset(database, 1, 2, 5, n=1)
        was_killed = forked(database, kill_at, number, FILL, True)
        carry_out(database, FILL, backwards=True)
        assert numbers(database) == [0] * 3, number
        if not was_killed:
            break
    assert number >= 14


@pytest.mark.databases("sqlite")
def test_it_comes_back_from_where_it_was(project, database):
    """However often it turns, just what is done is undone."""
    started(project, database)
    for backwards in (True, False):
        reset(database, *range(1, 20))
        assert forked(database, kill_at, 5, FILL, False, UPDATE)
        assert numbers(database) == [1] * 10 + [0] * 9
        assert forked(database, kill_at, 2, FILL, True, UPDATE)
        assert numbers(database) == [1] * 6 + [0] * 13
        assert forked(database, kill_at, 1, FILL, False, UPDATE)
        assert numbers(database) == [1] * 8 + [0] * 11
        carry_out(database, FILL, backwards)
        assert numbers(database) == [0 if backwards else 1] * 19
        assert not is_under_way(database)


@pytest.mark.parametrize("kind", ["stock_migrate", "migrate"])
@pytest.mark.databases("postgresql", "mysql")
def test_migrate_that_was_killed_in_a_batch(project, database, kind):
    started(project, database, *range(1, 9))
    path = project.write_source("shop", "0002", FUNCTION)
    mark = path.with_name("kills")
    mark.touch()

    def migrate(alias):
        getattr(project, kind)(database=alias, verbosity=0)

    assert forked(database, migrate)
    assert numbers(database) == [1] * 4 + [0] * 4
    assert names(database) == ["0001_initial"]
    rows = connections[database].ops.quote_name("rows")  # a word of MariaDB's
    (entry,) = execute(database, f"SELECT model, done, batches, {rows} FROM {TABLE}")
    assert entry == ("Order", "4", 2, 4)
    mark.unlink()
    migrate(database)
    assert numbers(database) == [1] * 8
    assert names(database) == ["0001_initial", "0002"]
    assert not is_under_way(database)


@pytest.mark.databases("postgresql")
def test_it_goes_on_at_another_pace(project, database):
    """One whose batches took too long may be given smaller ones."""
    started(project, database, *range(1, 10))
    assert forked(database, kill_at, 1, FILL, False, UPDATE)
    done = numbers(database)
    assert set(done) == {0, 1}
    slow = Backfill("Order", AGAIN, reverse=UNDONE, batch_size=1, pause="1ms")
    carry_out(database, slow)
    assert numbers(database) == [1] * 9


@pytest.mark.databases("postgresql")
def test_others_begin_at_the_beginning(project, database):
    started(project, database, *range(1, 10))
    assert forked(database, kill_at, 1, FILL, False, UPDATE)
    assert set(numbers(database)) == {0, 1}
    carry_out(database, Backfill("Order", {"m": 7}))
    assert numbers(database, "m") == [7] * 9
    assert is_under_way(database)
    carry_out(database, FILL)
    assert numbers(database) == [1] * 9
    assert not is_under_way(database)


@pytest.mark.databases("postgresql", "mysql")
def test_what_fails_is_undone_and_tried_again(project, database):
    started(project, database, *range(1, 8))
    broken = [True]

    def fill(rows):
        rows.update(n=F("n") + 1)
        if broken and rows.filter(pk=5).exists():
            raise ValueError("five")

    step = Backfill("Order", function=fill, batch_size=2)
    with pytest.raises(ValueError, match="five"):
        carry_out(database, step)
    assert numbers(database) == [1] * 4 + [0] * 3
    broken.clear()
    carry_out(database, step)
    assert numbers(database) == [1] * 7


class Stop(Exception):
    """The end of a backfill, for no reason."""


@pytest.mark.databases("postgresql", "mysql")
def test_another_run_that_went_on_from_here(project, database):
    """Nothing but a lock keeps another command out; no row is changed twice."""
    started(project, database, *range(1, 10))
    others = []

    def stop(execute, sql, *arguments):
        if sql.startswith("UPDATE") and "shop_order" in sql:
            others.append(sql)
            if len(others) > 1:
                raise Stop
        return execute(sql, *arguments)

    def go_on():
        try:
            with connections[database].execute_wrapper(stop), pytest.raises(Stop):
                carry_out(database, FILL)
        finally:
            connections[database].close()

    def overtake(execute, sql, *arguments):
        if sql.startswith("UPDATE") and TABLE in sql and not others:
            thread = threading.Thread(target=go_on)
            thread.start()
            thread.join()
        return execute(sql, *arguments)

    with connections[database].execute_wrapper(overtake):
        carry_out(database, FILL)
    assert len(others) == 2
    assert numbers(database) == [1] * 9
