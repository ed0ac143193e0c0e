"""Limits of statements, and who blocks, as somebody who runs migrate sees it."""

from __future__ import annotations

import contextlib

import pytest
from django.core.management import CommandError
from django.db import connections, migrations, models

from syzygy_like.operations import Backfill
from syzygy_like.safeguards.timeouts import retry
from syzygy_like.signals import migration_retried
from tests.support.databases import forget
from tests.support.locks import session
from tests.support.orders import FIELDS, NULLABLE, PRE, add, execute, names, started
from tests.support.pgbouncer import pooled
from tests.support.projects import columns, tables

LOCKED = "SELECT count(*) FROM shop_order"
POSTGRESQL = pytest.mark.databases("postgresql")
SERVERS = pytest.mark.databases("postgresql", "mysql")
LIMITS = ("--lock-timeout", "100ms", "--lock-retries", "2")
# A machine that is busy may not get to look who blocks in time.
TRIES = 10
# What a connection is limited to, written to a table.
NOTE = "INSERT INTO notes SELECT current_setting('lock_timeout')"

SOURCE = """\
from django.db import migrations


{function}


class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(change, migrations.RunPython.noop)]
"""
READ = """\
def change(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute({sql!r})
"""
CLOSE = """\
def change(apps, schema_editor):
    connection = schema_editor.connection
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute({sql!r})
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.001)


@pytest.fixture
def shop(project, database):
    """Return a project with a migration to come, which needs a lock."""
    started(project, database)
    project.write("shop", "0002_order_total", add("total"))
    return project


@contextlib.contextmanager
def releasing(other, is_seen=False):
    """Release locks before a migration is tried again, or after they were seen."""

    def receiver(blockers, **kwargs):
        if blockers or not is_seen:
            other.release()

    migration_retried.connect(receiver)
    try:
        yield
    finally:
        migration_retried.disconnect(receiver)


def failing(project, *arguments, **options):
    """Run migrate in vain, and return what it says."""
    with pytest.raises(CommandError) as caught:
        project.migrate(*arguments, **options)
    assert caught.value.returncode == 1
    return str(caught.value)


@SERVERS
def test_a_lock_that_is_released_meanwhile(shop, database):
    with session(database, LOCKED) as other, releasing(other):
        printed = shop.migrate(PRE, *LIMITS, database=database)
    assert "shop.0002_order_total waited too long for a lock; retry 1 of 2 in " in (
        printed
    )
    assert printed.rstrip().endswith("OK")
    assert names(database) == ["0001_initial", "0002_order_total"]
    assert "total" in columns(database, "shop_order")


@SERVERS
def test_a_lock_that_is_never_released(shop, database):
    limits = ("--lock-timeout", "400ms", "--lock-retries", "1")
    with session(database, LOCKED) as other:
        pid = other.pid
        for _ in range(TRIES):
            printed = failing(shop, *limits, database=database)
            if f"locked by process {pid} (" in printed:
                break
    head = "shop.0002_order_total failed: it got no lock within 400 ms, in 2 tries"
    if connections[database].vendor == "mysql":  # which counts whole seconds
        head = head.replace("400 ms", "1 s")
    assert printed.startswith(head)
    assert f"locked by process {pid} (" in printed
    if connections[database].vendor == "postgresql":
        assert ", idle in transaction, its transaction " in printed
        assert (
            f"To end the session that holds it: SELECT pg_terminate_backend({pid});"
            in printed
        )
    assert names(database) == ["0001_initial"]
    assert "total" not in columns(database, "shop_order")


@SERVERS
def test_the_settings_limit_staged_runs(shop, database):
    shop.settings.update(MIGRATION_LOCK_TIMEOUT="100ms", MIGRATION_LOCK_RETRIES=0)
    with session(database, LOCKED):
        printed = failing(shop, PRE, database=database)
    limit = "1 s" if connections[database].vendor == "mysql" else "100 ms"
    assert f"it got no lock within {limit}, in one try and " in printed


@SERVERS
@pytest.mark.parametrize("function", [READ, CLOSE], ids=["at once", "after a close"])
def test_a_function_is_limited_too(project, database, function):
    started(project, database)
    text = function.format(sql="UPDATE shop_order SET price = 1 WHERE id = 1")
    text = SOURCE.format(function=text, atomic=function is READ)
    project.write_source("shop", "0002_price", text)
    execute(database, "INSERT INTO shop_order (id, code) VALUES (1, '')")
    update = "UPDATE shop_order SET price = 2"
    with session(database, update) as other, releasing(other):
        printed = project.migrate(*LIMITS, database=database)
    assert "shop.0002_price waited too long" in printed
    assert execute(database, "SELECT price FROM shop_order") == [(1,)]


@POSTGRESQL
def test_sql_is_limited_too(project, database):
    started(project, database)
    execute(database, "CREATE TABLE notes (note text)")
    project.write("shop", "0002", migrations.RunSQL(NOTE))
    project.write("shop", "0003", migrations.RunSQL(NOTE), atomic=False)
    project.migrate("--lock-timeout", "1234ms", database=database)
    assert execute(database, "SELECT * FROM notes") == [("1234ms",), ("1234ms",)]
    assert execute(database, "SHOW lock_timeout") == [("0",)]


@POSTGRESQL
def test_a_foreign_key_whose_target_is_locked(project, database):
    started(project, database)
    key = models.ForeignKey("shop.Order", models.CASCADE)
    item = migrations.CreateModel("Item", [FIELDS[0], ("order", key)])
    project.write("shop", "0002_item", item)
    lock = "LOCK TABLE shop_order IN ROW EXCLUSIVE MODE"
    with session(database, lock) as other, releasing(other):
        printed = project.migrate(*LIMITS, database=database)
    assert "shop.0002_item waited too long" in printed
    assert "shop_item" in tables(database)
    assert names(database) == ["0001_initial", "0002_item"]


@POSTGRESQL
def test_what_has_changed_something_is_not_tried_again(project, database):
    started(project, database)
    sql = ["CREATE TABLE other ()", "ALTER TABLE shop_order ADD COLUMN x integer"]
    project.write("shop", "0002", migrations.RunSQL(sql), atomic=False)
    with session(database, LOCKED):
        printed = failing(project, *LIMITS, database=database)
    assert "in one try" in printed
    assert "It was not tried again: outside a transaction, the operation" in printed


@POSTGRESQL
def test_a_backfill_takes_its_time_and_goes_on_after_a_lock(project, database):
    started(project, database)
    rows = "SELECT n, 0, '' FROM generate_series(1, 3) AS n"
    execute(database, f"INSERT INTO shop_order (id, price, code) {rows}")
    sql = (
        "UPDATE shop_order SET price = price + 1, note = left(pg_sleep(0.07)::text, 1)"
        " WHERE id BETWEEN %(first)s AND %(last)s"
    )
    fill = Backfill("order", sql=sql, batch_size=2)
    project.write("shop", "0002_fill", fill, atomic=False)
    limits = (*LIMITS, "--statement-timeout", "120ms")
    lock = "SELECT 1 FROM shop_order WHERE id = 3 FOR UPDATE"
    with session(database, lock) as other, releasing(other):
        printed = project.migrate(*limits, database=database)
    assert "shop.0002_fill waited too long" in printed
    assert execute(database, "SELECT DISTINCT price FROM shop_order") == [(1,)]


@POSTGRESQL
def test_a_statement_that_takes_too_long(project, database):
    started(project, database)
    project.write("shop", "0002", migrations.RunSQL("SELECT pg_sleep(9)"))
    printed = failing(project, "--statement-timeout", "100ms", database=database)
    assert printed.splitlines()[:2] == [
        "shop.0002 failed: a statement took longer than 100 ms and was cut off.",
        "    SELECT pg_sleep(9)",
    ]
    assert names(database) == ["0001_initial"]


@pytest.mark.databases("sqlite")
def test_sqlite_refuses_the_option_and_ignores_the_setting(shop, database):
    printed = failing(shop, *LIMITS, database=database)
    assert printed.startswith("The database 'default' (sqlite) has no limits that")
    assert names(database) == ["0001_initial"]
    shop.settings["MIGRATION_LOCK_TIMEOUT"] = "1s"
    shop.migrate(database=database)
    assert names(database) == ["0001_initial", "0002_order_total"]


@POSTGRESQL
def test_behind_a_pooler_limits_hold_in_transactions(shop, database):
    shop.write("shop", "0003_order_size", add("size", NULLABLE), atomic=False)
    own = ("--no-migration-lock", "--lock-timeout", "500ms", "--lock-retries", "20")
    with pooled(database, default_pool_size=2) as alias:
        with session(database, LOCKED) as other, releasing(other, is_seen=True):
            pid = other.pid
            printed = shop.migrate(*own, database=alias)
        sessions = {execute(alias, "SHOW lock_timeout")[0] for _ in range(5)}
        forget(alias)
    assert "shop.0002_order_total waited too long for a lock" in printed
    assert f"Blocked by process {pid} " in printed
    assert "The database 'postgresql_transaction' is behind a pooler" in printed
    assert 'ALTER TABLE "shop_order" ADD COLUMN "size"' in printed
    assert sessions == {("0",)}
    assert names(database)[-1] == "0003_order_size"
