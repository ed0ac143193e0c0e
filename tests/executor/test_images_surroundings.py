"""What surrounds an image: its databases, the clock, and people who edit the record."""

from __future__ import annotations

import json
import random

import pytest
from django.db import connections, models

from tests.support.databases import Unavailable, forget, missing
from tests.support.images import Images
from tests.support.orders import ABORT, POST, PRE, REQUIRED, TABLE, add, execute, remove
from tests.support.projects import columns

CALLED = """\
from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):
    dependencies = [("shop", "0002")]
    operations = [
        migrations.AddField(
            "order", "moment", models.DateTimeField(default=timezone.now())
        ),
    ]
"""
SETTINGS = """\
from tests.support.databases import mysql_driver
mysql_driver()
DATABASES = {databases!r}
MIGRATION_BRIDGE = "all"
"""


@pytest.fixture
def images(tmp_path, databases, database):
    """Return what makes images; the first of them is served."""
    return Images(tmp_path, databases, database)


def manage(image, *arguments, databases=None):
    """Run manage.py, started again; return what it says. It has to exit with 0."""
    config = {"default": dict(connections.settings[image.database])}
    text = SETTINGS.format(databases=databases or config)
    ended = image.project.manage(*arguments, settings=text)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_a_default_that_is_called_when_the_file_is_read(images):
    """It is another one in each process."""
    new = images.release("v1", images.served, remove("price"))
    new.project.write_source("shop", "0003", CALLED)
    for arguments in (
        (PRE,),
        (PRE, "--check"),
        (PRE,),
        (ABORT, "--allow-loss"),
        (PRE,),
        (POST,),
        (),
        ("--check",),
    ):
        said = manage(new, "migrate", *arguments)
        assert "Traceback" not in said
        if arguments == (PRE,):
            images.served.assert_works()
    images.assert_ended(new)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("command", [(POST,), (ABORT, "--allow-loss"), ()])
def test_one_database_more_before_the_roll_out_than_after_it(
    images, database, databases, command
):
    try:
        other = databases.alias("mysql")
    except Unavailable as error:
        missing("mysql", error)
    field = models.TextField(default="none")
    new = images.release("v1", images.served, add("text", field), add("n", REQUIRED))
    one = {"default": dict(connections.settings[database])}
    two = {**one, "other": dict(connections.settings[other])}
    forget(other)
    for image in (new, images.served):  # the older one goes on as ever
        manage(image, "migrate", PRE, databases=two)
    images.served.assert_works()
    new.assert_works()
    manage(new, "migrate", PRE, databases=one)
    manage(new, "migrate", *command, databases=one)
    images.assert_ended(images.served if ABORT in command else new)


# The record.


@pytest.fixture
def shop(images):
    """Return a version whose deploy is under way."""
    new = images.release("v1", images.served, add("total", REQUIRED), remove("price"))
    new.passes(PRE)
    return new


RUNS = ((PRE,), (PRE, "--check"), (POST,), (), ("--check",), (ABORT, "--allow-loss"))
VALUES = (None, -1, 99, "", "x", "2020", True, [], [1], {}, {"a": 1}, [{}], [[]])


def put(database, text):
    execute(database, f"UPDATE {TABLE} SET record = %s", text)
    forget(database)


def record(database):
    [(text,)] = execute(database, f"SELECT record FROM {TABLE}")
    return text


def places(value, path=()):
    """Yield where values are in a document."""
    yield path
    pairs = value.items() if isinstance(value, dict) else ()
    pairs = enumerate(value) if isinstance(value, list) else pairs
    for key, each in pairs:
        yield from places(each, (*path, key))


def changed(text, path, value):
    """Return a document with another value in a place."""
    document = json.loads(text)
    if not path:
        return json.dumps(value)
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return json.dumps(document)


def shortened(text, path):
    """Return a document without a place."""
    document = json.loads(text)
    target = document
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    return json.dumps(document)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"releases": []}'])
def test_a_record_that_is_none_is_told(images, shop, database, text):
    whole = record(database)
    for cut in (text, whole[: len(whole) // 2]):
        put(database, cut)
        for arguments in RUNS:
            said = shop.fails(*arguments)
            assert f"{TABLE} does not hold the record of a deploy" in said
        assert "does not hold" in images.served.fails(PRE)
        shop.run(command="showmigrations")
    assert "total" in columns(database, "shop_order")
    put(database, whole)
    shop.passes(POST)
    images.assert_ended(shop)


def test_an_emptied_table_is_as_no_deploy(images, shop, database):
    execute(database, f"DELETE FROM {TABLE}")
    forget(database)
    images.served.passes(PRE)
    # SQLite remakes the table, and others find the column there.
    ended = shop.run(PRE)
    assert "shop.0002" in ended.said
    assert "Traceback" not in ended.said


@pytest.mark.databases("sqlite")
def test_no_record_that_is_edited_by_hand_ends_in_a_traceback(shop, database):
    whole = record(database)
    documents = [
        shortened(whole, path) for path in places(json.loads(whole)) if path
    ] + [
        changed(whole, path, value)
        for path in places(json.loads(whole))
        for value in VALUES
    ]
    for number, text in enumerate(random.Random(1).sample(documents, 150)):
        put(database, text)
        arguments = RUNS[number % len(RUNS)]
        process = shop.start(*arguments, "--plan", command="migrate")
        said = process.end().said
        assert "Traceback" not in said, f"{arguments} {text}\n{said}"
