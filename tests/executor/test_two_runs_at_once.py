"""Runs that the lock does not keep apart: neither undoes the other."""

from __future__ import annotations

import random
import time

import pytest
from django.db import migrations

from tests.support.databases import forget
from tests.support.images import Images, linger, lingering
from tests.support.orders import (
    ABORT,
    PK,
    POST,
    PRE,
    REQUIRED,
    TABLE,
    add,
    execute,
    remove,
)
from tests.support.projects import columns
from tests.support.repetition import often
from tests.support.rivals import end

pytestmark = pytest.mark.databases("postgresql", "mysql")

UNLOCKED = "--no-migration-lock"
ROUNDS = often(6, 60)
# What a run says that has found another one.
FOUND = ("Another migrate is at work", "This run has lost its lock")


@pytest.fixture
def images(tmp_path, databases, database):
    """Return what makes images; the first of them is served."""
    return Images(tmp_path, databases, database)


def insert(apps, editor):
    apps.get_model("shop", "Order").objects.using(editor.connection.alias).create(
        code="once"
    )


def assert_told(ended):
    """Assert that a run came to its end, or says that it has found another one."""
    assert ended.code in (0, 1), ended.said
    assert "Traceback" not in ended.said, ended.said
    assert ended.code == 0 or any(each in ended.said for each in FOUND), ended.said


def counted(database):
    """Return how often the rows of migrations were written."""
    return execute(database, "SELECT COUNT(*) FROM shop_order WHERE code = 'once'")


# In a transaction of PostgreSQL's, nobody can take the table away.
not_atomic = pytest.mark.parametrize("slow", [False], indirect=True, ids=["not-atomic"])


@pytest.fixture(params=[True, False], ids=["atomic", "not-atomic"])
def slow(request, images):
    """Return a version whose second migration takes until there is a file."""
    operations = [
        add("total", REQUIRED),
        migrations.RunPython(linger, migrations.RunPython.noop),
        migrations.RunPython(insert, migrations.RunPython.noop),
        add("weight", REQUIRED),
        remove("price"),
    ]
    return images.release("v1", images.served, *operations, atomic=request.param)


@pytest.mark.parametrize("ends", [POST, ABORT])
def test_a_pre_deploy_that_loses_its_lock_and_one_more(
    images, slow, database, tmp_path, ends
):
    gate = tmp_path / "gate"
    with lingering(slow, gate) as first:
        end(database)
        forget(database)
        second = slow.start(PRE)
        second.wait(0.5)
        gate.touch()
        for each in (first, second):
            assert_told(each.end())
    images.served.assert_works()
    slow.passes(PRE)
    assert counted(database) == [(1,)]
    slow.assert_works()
    if ends == POST:
        slow.passes(POST)
        images.assert_ended(slow)
    else:
        slow.passes(ABORT, "--allow-loss")
        images.served.assert_works()
        images.assert_ended(images.served)


@pytest.fixture(params=[True, False], ids=["atomic", "not-atomic"])
def quick(request, images):
    """Return a version with a little of everything."""
    operations = [
        add("total", REQUIRED),
        migrations.RunPython(insert, migrations.RunPython.noop),
        migrations.CreateModel("Item", [PK]),
        remove("price"),
        add("weight", REQUIRED),
    ]
    return images.release("v1", images.served, *operations, atomic=request.param)


def together(image, chance, *runs):
    """Start runs one after the other, with pauses, and wait for all of them."""
    started = []
    for each in runs:
        started.append(image.start(*each, UNLOCKED))
        time.sleep(chance.random() ** 2 / 4)
    return [each.end() for each in started]


@not_atomic
def test_a_pre_deploy_whose_table_another_run_has_dropped(
    images, slow, database, tmp_path
):
    gate = tmp_path / "gate"
    with lingering(slow, gate) as process:
        table = f"{TABLE}_away"
        execute(database, f"ALTER TABLE {TABLE} RENAME TO {table}")
        forget(database)
        gate.touch()
        ended = process.end()
    assert_told(ended)
    assert ended.code == 1
    execute(database, f"ALTER TABLE {table} RENAME TO {TABLE}")
    slow.passes(PRE)
    assert counted(database) == [(1,)]
    slow.passes(POST)
    images.assert_ended(slow)


def start_over(images, image):
    """Have the database as it was before a version."""
    images.databases.empty(images.database)
    images.served.passes("--verbosity=0")


def test_three_pre_deploys_without_a_lock(images, quick, database):
    for number in range(ROUNDS):
        chance = random.Random(number)
        for ended in together(quick, chance, *[(PRE,)] * 3):
            assert_told(ended)
        quick.passes(PRE)
        assert counted(database) == [(1,)]
        images.served.assert_works()
        quick.assert_works()
        if number % 2:
            quick.passes(ABORT, "--allow-loss")
            assert "total" not in columns(database, "shop_order")
            images.served.assert_works()
        else:
            quick.passes(POST)
        if number < ROUNDS - 1:
            start_over(images, quick)
    images.assert_ended(images.served)


@pytest.mark.parametrize(
    "runs",
    [((POST,), (PRE,)), ((ABORT, "--allow-loss"), (POST,)), ((POST,), (), (PRE,))],
    ids=["post-and-pre", "abort-and-post", "post-plain-and-pre"],
)
def test_two_sides_of_a_deploy_without_a_lock(images, quick, database, runs):
    for number in range(ROUNDS // 2):
        quick.passes(PRE)
        for ended in together(quick, random.Random(number), *runs):
            assert ended.code in (0, 1), ended.said
            assert "Traceback" not in ended.said, ended.said
        quick.passes(PRE)
        quick.assert_works()
        quick.passes(POST)
        if number < ROUNDS // 2 - 1:
            start_over(images, quick)
    images.assert_ended(quick)
