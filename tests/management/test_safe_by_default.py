"""Plain migrate, with no setting and no option, outside of a test environment."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.core.management.commands import migrate as django_migrate
from django.db import connections, migrations, models
from django.db.backends.signals import connection_created
from django.test import override_settings
from django.test.utils import setup_test_environment

from tests.support.images import Image, Process, leave_tests
from tests.support.orders import ORDER, PRE, add, execute
from tests.support.pgbouncer import pooled
from tests.support.projects import applied, physical, tables
from tests.support.rivals import is_free, lock_file, rival

KILLS = 14
RUNS = 8


def insert(apps, editor):
    """Insert a row that tells how many there were."""
    model = apps.get_model("shop", "Order")
    rows = model.objects.using(editor.connection.alias)
    rows.create(code="a", price=rows.count())


def insertion():
    """Return what inserts a row once: what is in no transaction begins again."""
    return migrations.RunPython(insert, atomic=True)


def index(number, vendor):
    made = models.Index(fields=["price"], name=f"price_{number}")
    return (AddIndexConcurrently if vendor == "postgresql" else migrations.AddIndex)(
        "order", made
    )


@pytest.fixture
def image(tmp_path, database):
    """Return an image with 20 migrations of all kinds, none of them applied."""
    image = Image(tmp_path / "v0", database)
    image.settings = {}
    image.write("0001", ORDER)
    vendor = connections[database].vendor
    for number in range(2, 21):
        operations = [
            [add(f"number_{number}")],
            [insertion()],
            [index(number, vendor)],
            [add(f"other_{number}"), insertion()],
        ][number % 4]
        is_atomic = number % 8 == 1 or number % 4 == 0
        image.write(f"{number:04}", *operations, atomic=is_atomic)
    return image


ALL = [f"shop.{number:04}" for number in range(1, 21)]
ROWS = [(each,) for each in range(9)]


def assert_migrated(image, databases):
    """Assert that all is applied once, in order, and that no trace is left."""
    alias = image.database
    assert applied(alias) == ALL
    assert sorted(execute(alias, "SELECT price FROM shop_order")) == ROWS
    assert tables(alias) == {"shop_order"}
    assert is_free(alias)
    found = physical(alias)
    databases.empty(alias)
    image.project.stock_migrate(database=alias, verbosity=0)
    assert found == physical(alias)


def test_eight_replicas_that_start_at_once(image, databases):
    ends = [each.end() for each in [image.start() for _ in range(RUNS)]]
    assert [each.code for each in ends] == [0] * RUNS, ends
    for name in ALL:
        assert sum(f"Applying {name}..." in each.said for each in ends) == 1
    assert_migrated(image, databases)


def test_a_replica_that_is_killed_anywhere(image, databases):
    chance, kills = random.Random(1), 0
    while kills < KILLS:
        process = image.start()
        process.wait(0.03 + 0.2 * chance.random() ** 2)
        if process.code is not None:
            assert process.code == 0, process.output
            databases.empty(image.database)
        elif process.kill() is not None and process.code < 0:
            kills += 1
    image.passes()
    assert_migrated(image, databases)


class Watch:
    """Counts the queries of a connection, and what they are."""

    def __init__(self):
        self.sql = []

    def __call__(self, execute, sql, params, many, context):
        self.sql.append(str(sql))
        return execute(sql, params, many, context)


def look(image, name, result):
    """Migrate with Django's command or ours, in a process; write what it did."""
    leave_tests({"default": connections.settings[image.database]})
    watch, connection = Watch(), connections["default"]
    command = django_migrate.Command() if name == "django" else "migrate"
    with image.project.active(), connection.execute_wrapper(watch):
        call_command(command, stdout=sys.stdout, no_color=True)
    result.write_text(json.dumps(watch.sql))
    return 0


def looked(image, folder, name):
    result = folder / f"{name}.json"
    ended = Process(folder, look, image, name, result).end()
    assert ended.code == 0, ended.said
    return ended.said, json.loads(result.read_text())


def test_nothing_to_do_is_djangos(image, tmp_path, database):
    """But for one look at the names of the tables; a lock is not needed for that."""
    image.passes("--verbosity=0")
    expected, django = looked(image, tmp_path, "django")
    with rival(database):
        said, ours = looked(image, tmp_path, "ours")
    assert said == expected
    rest = list(ours)
    for each in django:
        rest.remove(each)
    assert len(rest) <= 1, rest
    assert tables(database) == {"shop_order"}


def test_something_to_do_waits_for_who_is_at_work(image, database):
    with rival(database):
        process = image.start()
        process.wait_for("Another run migrates")
        assert process.wait(0.3) is None
    assert process.end().code == 0
    assert applied(database) == ALL


def test_the_setting_turns_it_off(image, database):
    image.settings = {"MIGRATION_GUARD": "staged"}
    with rival(database):
        said = image.passes()
    assert "Another run" not in said
    assert applied(database) == ALL


def make_test_database(image, guard, result):
    """Make a database for tests; write how many connections that took."""
    leave_tests({"default": connections.settings[image.database]})
    made, connection = [], connections["default"]
    connection_created.connect(lambda **sent: made.append(sent), weak=False)
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_test"
    setup_test_environment()
    with image.project.active(), override_settings(**guard):
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            assert applied("default") == ALL
            assert tables("default") == {"shop_order"}
            assert not Path(lock_file("default")).exists()
        finally:
            connection.creation.destroy_test_db(before, verbosity=0)
    result.write_text(str(len(made)))
    return 0


def test_a_database_for_tests_is_made_without_a_lock(image, tmp_path):
    """The lock would have a connection, or a file, of its own."""
    result, counts = tmp_path / "connections", []
    for guard in ({"MIGRATION_GUARD": "staged"}, {}, {"MIGRATION_GUARD": "all"}):
        ended = Process(tmp_path, make_test_database, image, guard, result).end()
        assert ended.code == 0 or "all" in guard.values(), ended.said
        counts.append(int(result.read_text()))
    assert counts[0] == counts[1]
    assert image.database == "default" or counts[1] < counts[2]


def migrate_in_memory(image):
    leave_tests(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )
    with image.project.active():
        call_command("migrate", stdout=sys.stdout)
        assert applied("default") == ALL
        assert tables("default") == {"shop_order"}
    return 0


@pytest.mark.databases("sqlite")
def test_a_database_in_memory_has_no_lock(image, tmp_path):
    ended = Process(tmp_path, migrate_in_memory, image).end()
    assert ended.code == 0, ended.said
    assert "without a lock" not in ended.said


@pytest.mark.databases("postgresql")
def test_behind_a_pooler_a_plain_run_goes_on_and_says_so(image, database, tmp_path):
    with pooled(database, server_round_robin=1) as alias:
        image.database = alias
        said = image.passes()
        assert said.count("Continuing without a lock") == 1
        assert "a lock" not in image.passes()
        image.write("0021", add("last"))
        assert "is behind a pooler that keeps no session" in image.fails(PRE)
        image.passes(PRE, "--no-migration-lock")
    assert applied(database) == [*ALL, "shop.0021"]
