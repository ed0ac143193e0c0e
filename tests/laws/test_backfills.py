"""Backfills that are applied and undone in any order, and cut off on their way."""

from __future__ import annotations

import random

import pytest
from django.core.management.base import CommandError
from django.db import migrations, models
from django.db.models import F, Q

from syzygy_like import Stage
from syzygy_like.operations import Backfill
from tests.support.backfills import ORDERS, cut_off, is_under_way, numbers, started
from tests.support.orders import ABORT, POST, PRE, names, refused
from tests.support.projects import columns, tables
from tests.support.repetition import often

OWN = {"syzygy_like_ledger", "syzygy_like_journal"}
LOCK = "--migration-lock"
# The migration that fills each column.
FILLED = {"total": "0003", "n": "0005", "weight": "0005"}
BACK = [("shop", f"000{number}") for number in (2, 3, 4)]
LOCKED = [(*each, LOCK) for each in BACK]
COMMANDS = {
    "stock": [(), (), *BACK],
    "guarded": [(LOCK,), (LOCK,), *LOCKED],
    "pre-deploy": [(PRE,), (PRE,), (ABORT,), (ABORT,), (POST,)],
    "post-deploy": [(PRE,), (POST,), (POST,), *LOCKED],
}


class Walk:
    """Commands of one kind, on a shop whose backfills count up."""

    def __init__(self, project, database, kind, seed):
        self.project, self.database, self.kind = project, database, kind
        self.random = random.Random(seed)
        # What Django has recorded, though some of it is undone.
        self.half: set[str] = set()
        self.write(2)

    def write(self, size):
        def count(name):
            up, down = {name: F(name) + 1}, {name: F(name) - 1}
            if self.kind == "stock":  # which begins each migration again
                up, down = {name: 1}, {name: 0}
            stage = None if self.kind == "pre-deploy" else Stage.POST_DEPLOY
            return Backfill("Order", up, reverse=down, batch_size=size, stage=stage)

        def add(name):  # in two parts
            return migrations.AddField("order", name, models.IntegerField(default=0))

        self.size = size
        write = self.project.write
        write("shop", "0002", add("total"))
        write("shop", "0003", count("total"), atomic=False)
        write("shop", "0004", add("weight"))
        write("shop", "0005", count("n"), count("weight"), atomic=False)

    def step(self):
        stock = self.kind == "stock"
        command = self.project.stock_migrate if stock else self.project.migrate
        arguments = self.random.choice(COMMANDS[self.kind])
        batches = self.random.choice([None, 0, 1, 2, 3, 5, 6, 8])
        size, before = self.size, set(names(self.database))
        if self.random.random() < 0.2:
            self.write(self.random.randrange(1, 5))
        try:
            if cut_off(self.database, batches, command, *arguments):
                self.half |= before & {"0003", "0005"}
                return
        except CommandError:  # it is not the time for that
            self.write(size)
            return
        self.half &= set(names(self.database))
        self.check(before)

    def check(self, before):
        there, now = columns(self.database, ORDERS), set(names(self.database))
        is_over = self.kind != "stock" and not OWN & tables(self.database)
        for column, name in FILLED.items():
            found = set(numbers(self.database, column)) if column in there else {0}
            if name in now:
                assert found == {1} or self.is_half_undone(name), column
            elif name in before or is_over:
                assert found == {0}, column

    def is_half_undone(self, name):
        """Tell whether that is so, and Django does not know."""
        return self.kind == "stock" and name in self.half


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("seed", range(often(2, 40)))
def test_no_row_is_left_out_whatever_comes_to_its_end(project, database, kind, seed):
    started(project, database, *range(1, 10))
    project.settings = {"MIGRATION_BRIDGE": "all"}
    walk = Walk(project, database, kind, seed)
    for _ in range(15):
        walk.step()


COUNTS = [
    Backfill("Order", {name: F(name) + 1}, reverse={name: F(name) - 1}, batch_size=2)
    for name in ("n", "total")
]
TOTAL = migrations.AddField("order", "total", models.IntegerField(default=0))


@pytest.fixture
def shop(project, database):
    """A project with a migration in parts, and one of two backfills."""
    started(project, database, *range(1, 10))
    project.settings = {"MIGRATION_BRIDGE": "all"}
    project.write("shop", "0002", TOTAL)
    for each in COUNTS:
        each.stage = None
    project.write("shop", "0003", *COUNTS, atomic=False)
    return project


def counted(database):
    return numbers(database, "n"), numbers(database, "total")


@pytest.mark.parametrize("last", [POST, ABORT])
def test_a_deploy_that_was_half_given_up_may_go_on(shop, database, last):
    shop.migrate(PRE, database=database, verbosity=0)
    for batches in (2, 4):  # in the one and in the other
        assert cut_off(database, batches, shop.migrate, ABORT)
    assert counted(database) == ([1] * 7 + [0] * 2, [0] * 9)
    if last == POST:
        shop.migrate(PRE, database=database, verbosity=0)
        assert counted(database) == ([1] * 9, [1] * 9)
        shop.migrate(POST, database=database, verbosity=0)
        assert counted(database) == ([1] * 9, [1] * 9)
    else:
        shop.migrate(ABORT, database=database, verbosity=0)
        assert numbers(database) == [0] * 9
    assert not is_under_way(database)


def test_what_was_cut_off_on_its_way_back_is_undone_once(shop, database):
    back = ("shop", "0002", LOCK)
    shop.stock_migrate(database=database, verbosity=0)
    for batches in (6, 2):
        assert cut_off(database, batches, shop.migrate, *back)
    assert counted(database) == ([1] * 3 + [0] * 6, [0] * 9)
    shop.migrate(*back, database=database, verbosity=0)
    assert counted(database) == ([0] * 9, [0] * 9)


def test_what_is_half_undone_is_no_migration_that_is_applied(shop, database):
    shop.stock_migrate(database=database, verbosity=0)
    assert cut_off(database, 2, shop.migrate, "shop", "0002", LOCK)
    message = refused(shop, "migrate", LOCK, database=database)
    assert "shop.0003 was being unapplied when an earlier run was cut off" in message


def test_what_did_not_begin_is_not_undone(shop, database):
    """A run that fails undoes what it had done, and no more."""
    absent = Backfill("Order", {"n": 1}, where=Q(absent=1), reverse={"n": F("n") - 1})
    shop.write("shop", "0003", COUNTS[0], absent, atomic=False)
    with pytest.raises(CommandError, match="Rolled back"):
        shop.migrate("--rollback-on-failure", database=database, verbosity=0)
    assert numbers(database) == [0] * 9
