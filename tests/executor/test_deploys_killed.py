"""A deploy whose process is killed before any of its statements."""

from __future__ import annotations

import itertools
import os
import signal

import pytest
from django.db import connections, migrations, models
from django.db.migrations.state import ProjectState

from tests.support.databases import forget
from tests.support.deploy_histories import DeployedHistory, configured
from tests.support.histories import History
from tests.support.projects import migration

PK = ("id", models.BigAutoField(primary_key=True))
START = migrations.CreateModel("Order", [PK, ("code", models.CharField(max_length=5))])
# One in parts, one in parts and in no transaction, one that overtakes both.
TOTAL = migrations.AddField("order", "total", models.IntegerField(default=7))
CODE = migrations.RemoveField("order", "code")
WEIGHT = migrations.AddField("order", "weight", models.IntegerField(null=True))


def history(vendor):
    """Return a history; SQLite remakes a table in several steps, or in one."""

    def after(name):
        return [("shop", name)]

    atomic = vendor == "sqlite"
    first = migration("shop", "0001", START)
    pending = [
        migration("shop", "0002", TOTAL, dependencies=after("0001")),
        migration("shop", "0003", CODE, dependencies=after("0002"), atomic=atomic),
        migration("shop", "0004", WEIGHT, dependencies=after("0003")),
    ]
    start = first.mutate_state(ProjectState())
    return History([first], pending, start, start)


def killed(deployed, number, argument):
    """Run a command in a process of its own; tell whether it was killed on its way."""
    forget(deployed.alias)  # a connection is not to be shared
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    countdown = itertools.count(number, -1)

    def wrapper(execute, *args):
        if next(countdown) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*args)

    try:
        with connections[deployed.alias].execute_wrapper(wrapper):
            deployed.migrate(argument)
        os._exit(0)
    finally:
        os._exit(1)


def go_on(deployed, number, argument):
    """Run a command that is killed, and run it again if there is anything left."""
    was_killed = killed(deployed, number, argument)
    deployed.check_consistent()
    if was_killed and (deployed.is_under_way or argument != "--abort-deploy"):
        deployed.migrate(argument)
    return was_killed


@pytest.mark.databases("sqlite", "postgresql")
def test_it_goes_on_where_it_was_killed(databases, database):
    deployed = DeployedHistory(
        history(connections[database].vendor), databases, database
    )
    with configured():
        deployed.begin(with_rows=True)
        assert deployed.stock()
        end = deployed.shape(), deployed.rows()
        deployed.begin(with_rows=True)
        start = deployed.shape(), deployed.rows()
        deployed.migrate("--pre-deploy")
        between = deployed.shape(), deployed.rows()
        path = {"--abort-deploy": start, "--pre-deploy": between, "--post-deploy": end}
        # Each database has every other statement, so that both have all of them.
        for number in itertools.count(database == "postgresql", 2):
            deployed.begin(with_rows=True)
            deployed.migrate("--pre-deploy")
            several = []
            for argument, expected in path.items():
                several.append(go_on(deployed, number, argument))
                found = deployed.shape(), deployed.rows()
                assert found == expected, (number, argument)
            if not any(several):
                break
        assert not deployed.is_under_way
        assert number > 20
