"""Several runs of migrate on one database."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db import connections, migrations, models
from django.test import override_settings

from tests.support.killing import PATIENCE, Child
from tests.support.orders import PK, PRE, execute, refused
from tests.support.pgbouncer import registered
from tests.support.projects import applied
from tests.support.rivals import end, is_free, rival

TABLE = migrations.CreateModel("Order", [PK, ("code", models.IntegerField(null=True))])
# Where a migration finds the file that it waits for, and the alias of a run in it.
GATE, ALIAS = "TEST_GATE", "TEST_ALIAS"
NOW = {"migration_lock_wait": "0"}
RUNS = {"staged": (PRE,), "plain": ("--migration-lock",)}

runs = pytest.mark.parametrize("arguments", RUNS.values(), ids=RUNS)


def insert(apps, editor):
    apps.get_model("shop", "Order").objects.using(editor.connection.alias).create()


def linger(apps, editor):
    """Take until there is a file."""
    sys.stdout.write("lingering\n")
    deadline = time.monotonic() + PATIENCE
    while not Path(os.environ[GATE]).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lose(apps, editor):
    end(editor.connection.alias)


def migrate_more(apps, editor):
    alias = editor.connection.alias
    call_command("migrate", "more", PRE, database=alias, verbosity=0, **NOW)


def index(number, vendor):
    made = models.Index(fields=["code"], name=f"code_{number}")
    return (AddIndexConcurrently if vendor == "postgresql" else migrations.AddIndex)(
        "order", made
    )


def write(project, vendor, total=20):
    """Write migrations; return how many rows they insert."""
    project.write("shop", "0001", TABLE)
    rows = 0
    for number in range(2, total + 1):
        operation = [
            migrations.AddField(
                "order", f"number_{number}", models.IntegerField(null=True)
            ),
            migrations.RunPython(insert),
            index(number, vendor),
            migrations.RunPython(insert),
        ][number % 4]
        rows += isinstance(operation, migrations.RunPython)
        atomic = number % 4 in (0, 3)
        project.write("shop", f"{number:04}", operation, atomic=atomic)
    return rows


def run(project, alias, *arguments):
    """Migrate as a process does, which writes at once."""
    with project.active():
        call_command("migrate", *arguments, database=alias, stdout=sys.stdout)


def run_together(start, project, alias, *arguments):
    os.close(start[1])
    os.read(start[0], 1)  # until nobody can write any longer
    run(project, alias, *arguments)


def test_eight_runs_at_once_apply_everything_once(project, database, tmp_path):
    vendor = connections[database].vendor
    rows = write(project, vendor)
    start = os.pipe()
    children = [
        Child(tmp_path, run_together, start, project, database, *arguments)
        for _ in range(4)
        for arguments in RUNS.values()
    ]
    for each in start:
        os.close(each)
    codes = [child.wait() for child in children]
    outputs = [child.output for child in children]
    assert codes == [0] * 8, "\n".join(outputs)
    expected = [f"shop.{number:04}" for number in range(1, 21)]
    assert applied(database) == expected
    assert execute(database, "SELECT COUNT(*) FROM shop_order") == [(rows,)]
    for name in expected:
        assert sum(f"Applying {name}..." in each for each in outputs) == 1
    assert sum("No migrations to apply." in each for each in outputs) == 7
    assert is_free(database)


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Return the file that ``linger`` waits for."""
    path = tmp_path / "gate"
    monkeypatch.setenv(GATE, str(path))
    return path


def lingering(project, database, tmp_path, *operations, **attributes):
    """Start a run whose second migration lingers, before some operations."""
    project.write("shop", "0001", TABLE)
    project.write("shop", "0002", migrations.RunPython(linger))
    for number, operation in enumerate(operations, 3):
        project.write("shop", f"{number:04}", operation, **attributes)
    child = Child(tmp_path, run, project, database, PRE)
    child.wait_for("lingering")
    return child


@pytest.mark.databases("postgresql")
def test_who_waits_is_not_waited_for_by_a_concurrent_index(
    project, database, tmp_path, gate
):
    """Two runs would wait for each other, and PostgreSQL would not notice."""
    concurrent = index(1, "postgresql")
    first = lingering(project, database, tmp_path, concurrent, atomic=False)
    second = Child(tmp_path, run, project, database, PRE)
    second.wait_for("Another run migrates")
    gate.touch()
    assert (first.wait(), second.wait()) == (0, 0), first.output + second.output
    assert "The other run has ended" in second.output
    assert "No migrations to apply." in second.output


def test_a_killed_run_keeps_nobody_waiting(project, database, tmp_path, gate):
    child = lingering(project, database, tmp_path)
    text = refused(project, "migrate", PRE, database=database, **NOW)
    assert text.startswith(f"Another run migrates the database {database!r}: ")
    assert child.kill() < 0
    gate.touch()
    project.migrate(PRE, database=database, verbosity=0)
    assert applied(database) == ["shop.0001", "shop.0002"]


@runs
def test_who_waits_long_enough_is_told_what_to_do(project, database, arguments):
    project.write("shop", "0001", TABLE)
    with rival(database) as other:
        holder = other.holder()
        text = refused(project, "migrate", *arguments, database=database, **NOW)
    who = str(holder.pid or holder.path)
    first, then, *end = text.splitlines()
    assert first.startswith(f"Another run migrates the database {database!r}: ")
    assert who in first
    assert first.endswith(". Nothing was applied.")
    assert then == (
        "Fix: run this again when it has ended, or wait longer with "
        "--migration-lock-wait. See docs/how-to/one-at-a-time.rst."
    )
    assert len(end) == bool(holder.pid)
    assert applied(database) == []


def test_a_run_that_only_looks_does_not_wait(project, database):
    project.write("shop", "0001", TABLE)
    with rival(database):
        for option in ("--plan", "--check"):
            options = {"database": database, "verbosity": 0, **NOW}
            code = project.exit_code("migrate", PRE, option, **options)
            assert code == (option == "--check")


def test_a_run_without_it_does_not_wait(project, database):
    project.write("shop", "0001", TABLE)
    with rival(database):
        project.migrate(PRE, "--no-migration-lock", database=database, verbosity=0)
    assert applied(database) == ["shop.0001"]


def test_a_plain_migrate_does_not_wait(project, database):
    project.write("shop", "0001", TABLE)
    with rival(database):
        project.migrate(database=database, verbosity=0)
        project.write("shop", "0002", migrations.RunPython(insert))
        project.settings = {"MIGRATION_GUARD": "all", "MIGRATION_LOCK_WAIT": 0}
        text = refused(project, "migrate", database=database)
    assert "Another run migrates" in text


@runs
def test_nothing_is_begun_without_the_lock(project, database, arguments):
    project.write("shop", "0001", TABLE)
    project.write("shop", "0002", migrations.RunPython(lose), atomic=False)
    project.write("shop", "0003", migrations.RunPython(insert))
    text = refused(project, "migrate", *arguments, database=database)
    assert text.startswith("This run has lost its lock on the database")
    assert applied(database) == ["shop.0001", "shop.0002"]
    project.migrate(*arguments, database=database, verbosity=0)
    assert applied(database)[2:] == ["shop.0003"]
    assert execute(database, "SELECT COUNT(*) FROM shop_order") == [(1,)]


def test_a_migration_may_call_migrate(project, database):
    project.write("shop", "0001", TABLE)
    project.write("shop", "0002", migrations.RunPython(migrate_more), atomic=False)
    project.write("more", "0001", migrations.CreateModel("More", [PK]))
    project.migrate("shop", PRE, database=database, verbosity=0, **NOW)
    assert set(applied(database)) == {"shop.0001", "shop.0002", "more.0001"}


def test_a_test_database_is_made_with_it(project, database):
    name = f"{connections[database].settings_dict['NAME']}_test"
    config = {**connections.settings[database], "TEST": {"NAME": name}}
    project.write("shop", "0001", TABLE)
    project.settings = {"MIGRATION_GUARD": "all"}
    with registered("made", config), project.active():
        creation = connections["made"].creation
        before = connections["made"].settings_dict["NAME"]
        made = creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            assert made == name
            assert applied("made") == ["shop.0001"]
            assert is_free("made")
        finally:
            creation.destroy_test_db(before, verbosity=0)


@pytest.mark.databases("postgresql")
def test_a_server_that_does_not_answer_is_named(project, database):
    project.write("shop", "0001", TABLE)
    config = {**connections.settings[database], "NAME": "nowhere"}
    with (
        registered("direct", config),
        override_settings(MIGRATION_LOCK_DATABASE="direct"),
    ):
        text = refused(project, "migrate", PRE, database=database)
    assert text.startswith("The database 'direct' cannot be reached: ")
    assert applied(database) == []


def test_an_unknown_alias_is_named(project, database):
    project.write("shop", "0001", TABLE)
    project.settings = {"MIGRATION_LOCK_DATABASE": {database: "direct"}}
    text = refused(project, "migrate", PRE, database=database)
    assert "MIGRATION_LOCK_DATABASE is {" in text
    assert "Use an alias that DATABASES or CACHES has." in text


@pytest.mark.databases("sqlite")
def test_each_database_has_its_own(project, database, tmp_path):
    project.write("shop", "0001", TABLE)
    config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "other")}
    with registered("other", config), rival("other"):
        project.migrate(PRE, database=database, verbosity=0, **NOW)
    assert applied(database) == ["shop.0001"]
