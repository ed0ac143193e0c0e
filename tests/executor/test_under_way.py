"""Deploys under way, and everything else that a project does with its migrations."""

from __future__ import annotations

import datetime

import pytest
from django.db import connections, migrations, models
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from syzygy_like.executor.ledger import Ledger
from tests.support.orders import (
    ABORT,
    INITIAL,
    NULLABLE,
    ORDER,
    PK,
    POST,
    PRE,
    REQUIRED,
    add,
    assert_consistent,
    backdate,
    execute,
    finish,
    ledger,
    names,
    refused,
    remove,
    write,
)
from tests.support.projects import applied, columns

EXPANDED = [("0002", "expand", "applied")]
TEXT = models.CharField(max_length=9, default="x")
WEEK = datetime.timedelta(days=7)


def test_what_has_a_delay_keeps_the_deploy_open(shop, database, databases):
    write(shop, add("total", REQUIRED))
    shop.write("shop", "0003", remove("price"), stage_delay=WEEK)
    shop.write("shop", "0004", add("weight"))
    shop.migrate(PRE, database=database)
    assert "weight" in columns(database, "shop_order")
    out = shop.migrate(POST, database=database)
    assert "Applying shop.0002 (contract)... OK" in out
    assert "Deferred:\n  shop.0003" in out
    assert "held until" in out
    assert names(database) == ["0001_initial", "0002"]
    assert_consistent(shop, database)
    assert "price" in columns(database, "shop_order")
    assert [each[0] for each in ledger(database)] == ["0002", "0003", "0004"]
    again = shop.migrate(POST, database=database)
    assert "Applying" not in again
    assert "held until" in again
    message = refused(shop, "migrate", ABORT, database=database)
    assert "can only be finished" in message

    moment = timezone.now() - WEEK
    MigrationRecorder(connections[database]).migration_qs.update(applied=moment)
    finish(shop, database, databases)


@pytest.mark.parametrize("again", [REQUIRED, TEXT], ids=["number", "text"])
@pytest.mark.parametrize("field", [NULLABLE, REQUIRED, TEXT])
def test_what_is_held_takes_what_it_takes_back_with_it(
    shop, database, databases, field, again
):
    """New code does not know the column that comes again, and goes for good later."""
    write(shop, add("a", field))
    shop.migrate(PRE, database=database)
    write(shop, remove("a"), add("a", again), start=3)
    shop.write("shop", "0005", remove("a"), stage_delay=WEEK)
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    for _ in range(3):
        execute(database, "INSERT INTO shop_order (code) VALUES ('a')")
        moment = timezone.now() - WEEK
        MigrationRecorder(connections[database]).migration_qs.update(applied=moment)
        backdate(database, moment)
        shop.migrate(POST, database=database)
    finish(shop, database, databases)


def test_plain_migrate_waits_for_no_delay(shop, database):
    write(shop, add("total", REQUIRED))
    shop.write("shop", "0003", remove("price"), stage_delay=WEEK)
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    shop.migrate(database=database)
    assert names(database) == ["0001_initial", "0002", "0003"]
    assert ledger(database) is None


def test_a_squashed_migration_is_applied_in_parts(shop, database, databases):
    both = [("shop", "0002"), ("shop", "0003")]
    write(shop, add("total", REQUIRED), remove("price"))
    shop.write(
        "shop",
        "0002_squashed_0003",
        add("total", REQUIRED),
        remove("price"),
        replaces=both,
        dependencies=[("shop", "0001_initial")],
    )
    out = shop.migrate(PRE, database=database)
    assert "Applying shop.0002_squashed_0003 (expand)... OK" in out
    assert names(database) == ["0001_initial"]
    shop.migrate(POST, database=database)
    assert set(names(database)) == {
        "0001_initial",
        "0002",
        "0003",
        "0002_squashed_0003",
    }
    finish(shop, database, databases)


def test_squashing_what_is_under_way_is_noticed(shop, database):
    """Nothing is lost if those that it replaces are still there."""
    write(shop, add("total", REQUIRED), remove("price"))
    shop.migrate(PRE, database=database)
    before = ledger(database)
    path = shop.write(
        "shop",
        "0002_squashed_0003",
        add("total", REQUIRED),
        remove("price"),
        replaces=[("shop", "0002"), ("shop", "0003")],
        dependencies=[("shop", "0001_initial")],
    )
    for stage in ([PRE], [POST], []):
        message = refused(shop, "migrate", *stage, database=database)
        assert "this one has no file of shop.0002" in message
    assert ledger(database) == before
    path.unlink()
    shop.migrate(POST, database=database)
    assert names(database) == ["0001_initial", "0002", "0003"]


def test_squashed_migrations_that_were_applied_one_by_one(shop, database, databases):
    write(shop, add("cost"), remove("price"))
    shop.migrate(database=database, verbosity=0)
    shop.write(
        "shop",
        "0002_squashed_0003",
        add("cost"),
        remove("price"),
        replaces=[("shop", "0002"), ("shop", "0003")],
        dependencies=[("shop", "0001_initial")],
    )
    last = [("shop", "0002_squashed_0003")]
    shop.write("shop", "0004", add("total", REQUIRED), dependencies=last)
    shop.migrate(PRE, database=database)
    assert "total" in columns(database, "shop_order")
    finish(shop, database, databases)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("stage", [(), (PRE,), (POST,)], ids=["plain", "pre", "post"])
def test_pruning_leaves_a_deploy_alone(shop, database, stage):
    write(shop, add("cost"))
    shop.migrate(database=database)
    write(shop, remove("price"), add("total", REQUIRED), start=3)
    shop.migrate(PRE, database=database)
    before = ledger(database)
    (shop.migrations("shop") / "0002.py").unlink()
    shop.write("shop", "0003", remove("price"), dependencies=[("shop", "0001_initial")])
    out = shop.migrate("shop", *stage, "--prune", database=database)
    assert "Pruning shop.0002 OK" in out
    assert ledger(database) == before
    assert names(database) == ["0001_initial"]


def test_verbosity_0_says_nothing(shop, database):
    write(shop, remove("price"), add("total", REQUIRED))
    assert shop.migrate(PRE, database=database, verbosity=0) == ""
    assert shop.migrate(POST, database=database, verbosity=0) == ""
    write(shop, add("weight", REQUIRED), start=4)
    assert shop.migrate(PRE, database=database, verbosity=0) == ""
    assert shop.migrate(ABORT, database=database, verbosity=0) == ""


def test_options_by_name(shop, database):
    write(shop, add("total", REQUIRED))
    shop.migrate(pre_deploy=True, database=database)
    assert ledger(database) == EXPANDED
    shop.migrate(abort_deploy=True, database=database)
    assert ledger(database) is None
    shop.settings = {}
    shop.migrate(pre_deploy=True, bridge=True, database=database)
    assert ledger(database) == EXPANDED
    shop.migrate(post_deploy=True, database=database)
    assert names(database) == ["0001_initial", "0002"]


def test_going_back_after_a_deploy_is_djangos(shop, database):
    write(shop, remove("price"), add("total", REQUIRED), add("weight"))
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    shop.migrate("shop", "0001", database=database)
    assert names(database) == ["0001_initial"]
    assert set(columns(database, "shop_order")) == INITIAL


@pytest.mark.databases("sqlite")
def test_a_new_database_needs_no_parts(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    shop.migrate("shop", "zero", database=database)
    shop.migrate(PRE, database=database)
    assert names(database) == ["0001_initial", "0002", "0003", "0004"]
    assert ledger(database) is None


@pytest.mark.databases("sqlite")
def test_a_test_database_is_made_as_ever(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    connection = connections[database]
    name = connection.settings_dict["NAME"]
    with shop.active():
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            assert names(database) == ["0001_initial", "0002", "0003", "0004"]
            assert ledger(database) is None
        finally:
            connection.creation.destroy_test_db(name, 0)


ROUTER = """
class Router:
    def allow_migrate(self, db, app_label, **hints):
        return (db == "postgresql") == (app_label == "blog")
"""


@pytest.mark.databases("postgresql")
def test_two_databases_have_ledgers_of_their_own(project, database, databases):
    other = databases.alias("sqlite")
    databases.empty(other)
    (project.folder / "shop_router.py").write_text(ROUTER)
    project.write("shop", "0001_initial", ORDER)
    project.write("blog", "0001_initial", migrations.CreateModel("Post", [PK]))
    project.settings = {
        "MIGRATION_BRIDGE": "all",
        "DATABASE_ROUTERS": ["shop_router.Router"],
    }
    for alias in (other, database):
        project.migrate(database=alias, verbosity=0)
    write(project, add("total", REQUIRED), remove("price"), add("weight"))
    project.write("blog", "0002", migrations.AddField("post", "text", REQUIRED))
    project.migrate(PRE, database=other)
    assert ("0002", "expand", "applied") in ledger(other)
    assert ledger(database) is None
    project.migrate(PRE, database=database)
    assert "text" in columns(database, "blog_post")
    assert ledger(database)[-1] != ("0002", "whole", "applied")
    project.migrate(ABORT, database=other)
    assert set(columns(other, "shop_order")) == INITIAL
    assert ledger(database) is not None
    project.migrate(POST, database=database)
    project.migrate(database=other)
    for alias in (other, database):
        assert ledger(alias) is None
        assert len(applied(alias)) == 6
        assert_consistent(project, alias)
    databases.empty(other)


def test_what_was_deferred_and_is_rewritten_is_planned_again(shop, database, databases):
    """Two releases are prepared, and a file of the second is not what it was."""
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    write(shop, remove("price"), start=3)
    shop.migrate(PRE, database=database)
    assert ledger(database)[-1] == ("0003", "nothing", "planned")
    write(shop, add("weight", REQUIRED), start=3)
    message = refused(shop, "migrate", POST, database=database)
    assert "shop.0003 is not applied" in message
    assert "--pre-deploy" in message
    shop.migrate(PRE, database=database)
    assert ledger(database)[-1] == ("0003", "expand", "applied")
    finish(shop, database, databases)


def test_what_is_skipped_is_no_part_of_a_release(shop, database, databases):
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    write(shop, add("weight", REQUIRED), start=3)
    shop.settings = {"MIGRATION_BRIDGE": "none"}
    shop.migrate(PRE, "--skip-blocked", database=database)
    assert [each[0] for each in ledger(database)] == ["0002"]
    shop.settings = {"MIGRATION_BRIDGE": "all"}
    shop.migrate(PRE, database=database)
    assert ledger(database)[-1] == ("0003", "expand", "applied")
    finish(shop, database, databases)


def test_whoever_finishes_nothing_can_still_give_up(shop, database):
    """All is held by a delay; the version before may be served again."""
    shop.write("shop", "0002", add("total", REQUIRED), stage_delay=WEEK)
    before = columns(database, "shop_order")
    shop.migrate(PRE, database=database)
    out = shop.migrate(POST, database=database)
    assert "held until" in out
    shop.migrate(ABORT, database=database)
    assert ledger(database) is None
    assert columns(database, "shop_order") == before


def test_a_record_that_is_dropped_while_it_is_read_is_none(shop, database):
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    reading = Ledger(connections[database])
    assert reading.is_there
    shop.migrate(ABORT, database=database)
    assert not reading.record.is_under_way
