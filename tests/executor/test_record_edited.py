"""A record that was edited by hand is told: no command ends in a traceback."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, migrations

from tests.support.orders import (
    ABORT,
    POST,
    PRE,
    REQUIRED,
    TABLE,
    add,
    execute,
    refused,
    remove,
    started,
    write,
)
from tests.support.projects import physical, tables

BROKEN = "The table syzygy_like_ledger does not hold the record of a deploy"
READERS = [
    ["migrate", PRE],
    ["migrate", POST],
    ["migrate", ABORT],
    ["migrate"],
    ["migrate", PRE, "--check"],
    ["migrate", POST, "--plan"],
]
JUNK = [None, -1, 7, True, "", "x", "1.x", [], {}, [1], {"a": 1}, "shop.0002", "expand"]


@pytest.fixture
def shop(project, database):
    """A shop in whose deploy there is something of each kind."""
    started(project, database)
    write(project, add("total", REQUIRED), remove("price"), add("weight"))
    project.migrate(PRE, database=database)
    yield project
    if TABLE in tables(database):
        execute(database, f"DROP TABLE {TABLE}")


def document(database):
    return json.loads(execute(database, f"SELECT record FROM {TABLE}")[0][0])


def put(database, record):
    text = record if isinstance(record, str) else json.dumps(record)
    execute(database, f"UPDATE {TABLE} SET record = %s", text)


def edited(record, path, value):
    """Return a record with another value at a place."""
    record = copy.deepcopy(record)
    found = record
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = value
    return record


WRONG = {
    "no JSON": lambda record: "{",
    "a list": lambda record: [],
    "nothing there": lambda record: {},
    "no release": lambda record: {**record, "releases": []},
    "an unknown part": lambda record: edited(record, ["done", 0, "part"], "most"),
    "a part too early": lambda record: edited(record, ["done", 0, "part"], "contract"),
    "an unknown key": lambda record: edited(record, ["done", 0, "key"], "shop.0009"),
    "no moment": lambda record: edited(record, ["done", 0, "since"], "yesterday"),
    "no number": lambda record: edited(record, ["done", 0, "operations"], "all"),
    "no basis": lambda record: edited(record, ["releases", 0, "basis"], {}),
    "no version": lambda record: edited(
        record, ["releases", 0, "basis", "django"], "new"
    ),
    "a later release": lambda record: edited(record, ["rolled_out"], 2),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.databases("sqlite")
def test_every_command_says_that_it_is_broken(shop, database, kind):
    put(database, WRONG[kind](document(database)))
    before = physical(database)
    for arguments in READERS:
        assert BROKEN in refused(shop, *arguments, database=database), arguments
    assert physical(database) == before
    out = shop.call("showmigrations", database=database)
    assert BROKEN in out
    assert "[X] 0001_initial" in out
    err = io.StringIO()
    out = shop.call("showmigrations", format="json", database=database, stderr=err)
    assert BROKEN in err.getvalue()
    assert [each["name"] for each in json.loads(out)] == [
        "0001_initial",
        "0002",
        "0003",
        "0004",
    ]


def test_a_table_of_another_kind_is_told(shop, database):
    execute(database, f"DROP TABLE {TABLE}")
    execute(database, f"CREATE TABLE {TABLE} (id integer)")
    for arguments in READERS:
        message = refused(shop, *arguments, database=database)
        assert f"{BROKEN}: it has other columns." in message
    assert "it has other columns" in shop.call("showmigrations", database=database)


@pytest.mark.databases("sqlite")
def test_a_moment_without_a_zone_is_local(shop, database):
    record = document(database)
    put(database, edited(record, ["done", 0, "since"], "2026-11-21T12:00:00"))
    assert "2026-11-21 12:00" in shop.call("showmigrations", database=database)
    shop.migrate(POST, database=database)
    assert TABLE not in tables(database)


def places(value, path=()):
    """Yield the paths to all values of a document."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for step, each in pairs:
            yield from places(each, (*path, step))


def call(project, database, *arguments):
    """Call a command that may refuse, with words, and nothing else."""
    with project.active(), contextlib.suppress(CommandError, SystemExit):
        call_command(
            *arguments,
            database=database,
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )


@pytest.mark.databases("sqlite")
def test_whatever_is_edited_is_no_traceback(shop, database):
    shop.write("shop", "0005", migrations.RunSQL("SELECT x", "SELECT 1"), atomic=False)
    begun = {"key": "shop.0005", "backwards": False, "operations": 0}
    good = {**document(database), "begun": [begun]}
    rng = random.Random(5)
    found = [path for path in places(good) for _ in range(2)]
    for path in found:
        put(database, edited(good, path, rng.choice(JUNK)))
        for arguments in (["migrate", POST, "--plan"], ["showmigrations"]):
            call(shop, database, *arguments)
        call(shop, database, "migrate", PRE, "--check")
        assert connections[database].get_autocommit()
