"""What the statements of migrations do to live traffic, measured on PostgreSQL."""

from __future__ import annotations

import contextlib
import threading

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import (
    DatabaseError,
    IntegrityError,
    connections,
    migrations,
    models,
    transaction,
)
from django.db.migrations.executor import MigrationExecutor

from syzygy_like.rehearsal.lock_trace.observer import IDLE, Observer
from syzygy_like.rehearsal.lock_trace.verdict import MODES, Effect, verdict
from syzygy_like.rehearsal.report import Verdict
from tests.support.orders import PK, add, alter, execute
from tests.support.projects import migration

postgresql = pytest.mark.databases("postgresql")
NULLABLE = models.IntegerField(null=True)
POSITIVE = models.CheckConstraint(condition=models.Q(number__gte=0), name="positive")
INDEX = models.Index(fields=["number"], name="by_number")


class Shop:
    """A shop with a table of orders and one of parcels, and what migrations do."""

    def __init__(self, database):
        self.database = database
        self.observer = Observer(database)
        self.state = MigrationExecutor(connections[database]).loader.project_state()
        fields = [PK, ("number", NULLABLE)]
        self._run(
            "0001_initial",
            migrations.CreateModel("Order", fields),
            migrations.CreateModel("Parcel", fields),
        )

    def fill(self, rows):
        table = "INSERT INTO shop_order (number)"
        execute(self.database, f"{table} SELECT generate_series(1, {rows})")

    def migrate(self, *operations, **attributes):
        """Apply a migration; return its traffic if there is any."""
        with self.observer:
            self.observer.begin("shop.0002_change", "pre-deploy")
            try:
                self._run("0002_change", *operations, **attributes)
            finally:
                self.observer.end()
        return self.observer.traffic.pop() if self.observer.traffic else None

    def _run(self, name, *operations, **attributes):
        change = migration("shop", name, *operations, **attributes)
        executor = MigrationExecutor(connections[self.database])
        self.state = executor.apply_migration(self.state, change)


@pytest.fixture
def shop(database):
    return Shop(database)


def locks(statement):
    return {each.table: each.mode for each in statement.locks}


def only(traffic):
    (statement,) = traffic.statements
    return statement


def held(mode, **work):
    return Effect(frozenset({mode}), **work)


def on_orders(function):
    def run(apps, schema_editor):
        alias = schema_editor.connection.alias
        function(apps.get_model("shop", "Order").objects.using(alias))

    return migrations.RunPython(run)


@pytest.mark.parametrize("mode", MODES)
def test_the_lock_that_is_held_while_rows_are_read_decides(mode):
    blocking = dict.fromkeys(MODES[4:7], Verdict.BLOCKS_WRITES)
    expected = {**blocking, "ACCESS EXCLUSIVE": Verdict.BLOCKS_ALL}.get(
        mode, Verdict.ONLINE
    )
    work = Effect(grows=True)
    assert verdict([[held(mode, grows=True)]]) is expected
    assert verdict([[held(mode), work]]) is expected
    assert verdict([[held(mode), held("ACCESS SHARE", written=101)]]) is expected
    assert verdict([[held(mode), held("ROW EXCLUSIVE", written=100)]]) is Verdict.ONLINE
    assert verdict([[work, held(mode)]]) is Verdict.ONLINE
    assert verdict([[held(mode)], [work]]) is Verdict.ONLINE


def test_rows_changed_in_bulk_block_their_writers():
    some = held("ROW EXCLUSIVE", written=60, changed=60)
    assert verdict([[some], [some]]) is Verdict.ONLINE
    assert verdict([[some, some]]) is Verdict.BLOCKS_WRITES
    assert verdict([[held("ROW EXCLUSIVE", written=999)]]) is Verdict.ONLINE


def test_the_worst_transaction_decides():
    worst = [held("ACCESS EXCLUSIVE", grows=True)]
    assert verdict([[], [held("SHARE", grows=True)], worst]) is Verdict.BLOCKS_ALL
    assert verdict([]) is Verdict.ONLINE


@postgresql
def test_a_nullable_column_is_a_brief_lock(shop):
    shop.fill(10)
    traffic = shop.migrate(add("weight"))
    statement = only(traffic)
    assert statement.sql.startswith('ALTER TABLE "shop_order" ADD COLUMN "weight"')
    assert locks(statement) == {"shop_order": "ACCESS EXCLUSIVE"}
    assert (statement.rewritten, statement.scanned) == ((), ())
    assert traffic.verdict is Verdict.ONLINE
    assert (traffic.migration, traffic.stage) == ("shop.0002_change", "pre-deploy")
    assert traffic.database == shop.database


@postgresql
def test_another_type_rewrites(shop):
    traffic = shop.migrate(alter("number", models.BigIntegerField(null=True)))
    assert only(traffic).rewritten == ("shop_order",)
    assert traffic.verdict is Verdict.BLOCKS_ALL


@postgresql
def test_an_index_blocks_writes(shop):
    traffic = shop.migrate(migrations.AddIndex("order", INDEX))
    assert locks(only(traffic)) == {"shop_order": "SHARE"}
    assert only(traffic).scanned == ("shop_order",)
    assert traffic.verdict is Verdict.BLOCKS_WRITES


@contextlib.contextmanager
def old_snapshot(database):
    """Look at the rows as they are now for half a second, on another connection."""
    connection = connections[database].copy()
    connection.ensure_connection()
    driver = connection.connection
    driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    driver.execute("SELECT count(*) FROM shop_order")
    timer = threading.Timer(0.5, driver.execute, ["ROLLBACK"])
    timer.start()
    try:
        yield
    finally:
        timer.join()
        connection.close()


@postgresql
def test_an_index_that_is_built_concurrently_blocks_nothing(shop):
    shop.fill(1000)
    with old_snapshot(shop.database):  # for which it waits, with its lock
        traffic = shop.migrate(AddIndexConcurrently("order", INDEX), atomic=False)
    assert locks(only(traffic)) == {"shop_order": "SHARE UPDATE EXCLUSIVE"}
    assert only(traffic).scanned == ("shop_order",)
    assert traffic.verdict is Verdict.ONLINE


@postgresql
def test_an_index_that_is_built_in_no_transaction_blocks_writes(shop):
    traffic = shop.migrate(migrations.AddIndex("order", INDEX), atomic=False)
    assert locks(only(traffic)) == {"shop_order": "SHARE"}
    assert traffic.verdict is Verdict.BLOCKS_WRITES


@postgresql
def test_not_null_scans(shop):
    traffic = shop.migrate(alter("number", models.IntegerField()))
    *_, statement = traffic.statements
    assert "SET NOT NULL" in statement.sql
    assert statement.scanned == ("shop_order",)
    assert traffic.verdict is Verdict.BLOCKS_ALL


@postgresql
def test_a_foreign_key_blocks_writes_to_both_tables(shop):
    shop.fill(10)
    execute(shop.database, "INSERT INTO shop_parcel SELECT generate_series(1, 10)")
    sql = (
        "ALTER TABLE shop_order ADD CONSTRAINT parcel"
        " FOREIGN KEY (number) REFERENCES shop_parcel"
    )
    traffic = shop.migrate(migrations.RunSQL(sql))
    mode = "SHARE ROW EXCLUSIVE"
    assert locks(only(traffic)) == {"shop_order": mode, "shop_parcel": mode}
    assert only(traffic).scanned == ("shop_order", "shop_parcel")
    assert traffic.verdict is Verdict.BLOCKS_WRITES


@postgresql
def test_a_new_table_blocks_writes_to_the_one_it_refers_to(shop):
    key = ("order", models.ForeignKey("shop.Order", models.CASCADE))
    traffic = shop.migrate(migrations.CreateModel("Line", [PK, key]))
    assert locks(only(traffic)) == {"shop_order": "SHARE ROW EXCLUSIVE"}


@postgresql
def test_a_constraint_that_is_validated_later_blocks_nothing(shop):
    added = shop.migrate(AddConstraintNotValid("order", POSITIVE))
    assert locks(only(added)) == {"shop_order": "ACCESS EXCLUSIVE"}
    assert added.verdict is Verdict.ONLINE
    traffic = shop.migrate(ValidateConstraint("order", "positive"))
    assert locks(only(traffic)) == {"shop_order": "SHARE UPDATE EXCLUSIVE"}
    assert only(traffic).scanned == ("shop_order",)
    assert traffic.verdict is Verdict.ONLINE


@postgresql
def test_rows_of_a_loop_are_told_once(shop):
    shop.fill(1000)

    @on_orders
    def fill(orders):
        for order in orders.iterator(chunk_size=200):
            orders.filter(pk=order.pk).update(weight=1)

    traffic = shop.migrate(add("weight"), fill)
    added, *_, updated = traffic.statements
    assert updated.sql.startswith('UPDATE "shop_order"')
    assert updated.sql.endswith(" -- 1000 times")
    assert added.locks[0].seconds >= added.seconds + updated.seconds
    assert traffic.verdict is Verdict.BLOCKS_ALL


@postgresql
def test_rows_that_are_updated_at_once_block_their_writers(shop):
    shop.fill(1000)
    traffic = shop.migrate(on_orders(lambda orders: orders.update(number=1)))
    assert locks(only(traffic)) == {"shop_order": "ROW EXCLUSIVE"}
    assert traffic.verdict is Verdict.BLOCKS_WRITES


@postgresql
def test_batches_that_commit_block_nobody_for_long(shop):
    shop.fill(300)

    @on_orders
    def fill(orders):
        for start in range(1, 301, 50):
            with transaction.atomic(using=orders.db):
                batch = orders.filter(pk__gte=start, pk__lt=start + 50)
                batch.update(number=1)

    traffic = shop.migrate(fill, atomic=False)
    assert only(traffic).sql.endswith(" -- 6 times")
    assert locks(only(traffic)) == {"shop_order": "ROW EXCLUSIVE"}
    assert traffic.verdict is Verdict.ONLINE


@postgresql
def test_statements_of_one_transaction_each_hold_no_others(shop):
    shop.fill(200)

    @on_orders
    def fill(orders):
        for order in orders.all():
            order.save()

    traffic = shop.migrate(add("weight"), fill, atomic=False)
    assert traffic.verdict is Verdict.ONLINE
    assert traffic.statements[-1].sql.endswith(" -- 200 times")


@postgresql
def test_a_lock_is_held_until_the_transaction_ends(shop):
    sleep = migrations.RunSQL("SELECT pg_sleep(0.2)")
    traffic = shop.migrate(add("weight"), sleep)
    (lock,) = only(traffic).locks
    assert lock.seconds >= 0.2 > only(traffic).seconds


@postgresql
def test_a_lock_is_released_when_its_transaction_is_committed(shop):
    @on_orders
    def sleep(orders):
        with transaction.atomic(using=orders.db):
            execute(orders.db, "LOCK TABLE shop_order IN EXCLUSIVE MODE")
        execute(orders.db, "SELECT pg_sleep(0.5)")

    (lock,) = only(shop.migrate(sleep, atomic=False)).locks
    assert lock.mode == "EXCLUSIVE"
    assert lock.seconds < 0.5


@postgresql
def test_a_stronger_lock_is_told_again(shop):
    sql = [
        "LOCK TABLE shop_order IN SHARE MODE",
        "LOCK TABLE shop_order IN ROW SHARE MODE",
        "LOCK TABLE shop_order, shop_parcel",
    ]
    traffic = shop.migrate(migrations.RunSQL(sql))
    found = [(each.sql, locks(each)) for each in traffic.statements]
    strong = dict.fromkeys(("shop_order", "shop_parcel"), "ACCESS EXCLUSIVE")
    assert found == [(sql[0], {"shop_order": "SHARE"}), (sql[2], strong)]


@postgresql
def test_truncated_and_dropped_tables(shop):
    shop.fill(10)
    truncate = migrations.RunSQL("TRUNCATE shop_order")
    traffic = shop.migrate(truncate, migrations.DeleteModel("Parcel"))
    truncated, dropped = traffic.statements
    assert truncated.rewritten == ("shop_order",)
    assert locks(dropped) == {"shop_parcel": "ACCESS EXCLUSIVE"}
    assert dropped.rewritten == ()


@postgresql
def test_a_dropped_table_is_a_brief_lock(shop):
    assert shop.migrate(migrations.DeleteModel("Parcel")).verdict is Verdict.ONLINE


@postgresql
def test_new_tables_are_not_told(shop):
    line = migrations.CreateModel("Line", [PK, ("number", NULLABLE)])
    assert shop.migrate(line, migrations.AddIndex("line", INDEX)) is None
    assert shop.migrate() is None


@postgresql
@pytest.mark.parametrize("atomic", [True, False])
def test_a_migration_that_fails(shop, atomic):
    shop.fill(10)
    unique = migrations.RunSQL("INSERT INTO shop_order (id) VALUES (1)")
    with pytest.raises(IntegrityError):
        shop.migrate(add("weight"), unique, atomic=atomic)
    assert execute(shop.database, "SELECT count(*) FROM shop_order") == [(10,)]
    (traffic,) = shop.observer.traffic
    assert "ADD COLUMN" in traffic.statements[0].sql
    assert traffic.verdict is Verdict.ONLINE


@postgresql
def test_a_statement_that_fails_alone_leaves_no_transaction_open(shop):
    sql = migrations.RunSQL("ALTER TABLE shop_order ADD number int")
    with pytest.raises(DatabaseError, match="already exists"):
        shop.migrate(add("weight"), sql, atomic=False)
    connection = connections[shop.database]
    assert connection.connection.info.transaction_status == IDLE
    assert [len(each.statements) for each in shop.observer.traffic] == [1]


@postgresql
def test_an_error_inside_a_savepoint_is_survived(shop):
    @on_orders
    def stumble(orders):
        with contextlib.suppress(DatabaseError), transaction.atomic(using=orders.db):
            execute(orders.db, "SELECT 1 / 0")
        orders.create(number=1)

    traffic = shop.migrate(add("weight"), stumble)
    assert [each.sql[:6] for each in traffic.statements] == ["ALTER ", "INSERT"]
    assert execute(shop.database, "SELECT count(*) FROM shop_order") == [(1,)]


@postgresql
def test_an_error_that_closes_the_connection_is_passed_on(shop):
    kill = migrations.RunSQL("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError, match="terminat"):
        shop.migrate(kill, atomic=False)


@postgresql
def test_transactions_begun_and_ended_by_sql(shop):
    sql = ["BEGIN", "LOCK TABLE shop_order", "COMMIT", "SELECT pg_sleep(0.3)"]
    traffic = shop.migrate(migrations.RunSQL(sql), atomic=False)
    (lock,) = only(traffic).locks
    assert lock.mode == "ACCESS EXCLUSIVE"
    assert lock.seconds < 0.3


@postgresql
def test_no_trace_is_left_in_the_connection(shop):
    connection = connections[shop.database]

    @on_orders
    def many(orders):
        with connection.cursor() as cursor:
            rows = [(number,) for number in range(5)]
            sql = "INSERT INTO shop_order (number) VALUES (%s)"
            cursor.executemany(sql, rows)
            cursor.execute("SELECT number FROM shop_order WHERE number > %s", [2])
            assert sorted(cursor.fetchall()) == [(3,), (4,)]

    connection.force_debug_cursor = True
    connection.queries_log.clear()
    try:
        traffic = shop.migrate(many)
    finally:
        connection.force_debug_cursor = False
    assert not [each for each in connection.queries if "pg_locks" in each["sql"]]
    assert locks(traffic.statements[0]) == {"shop_order": "ROW EXCLUSIVE"}
    assert connection.execute_wrappers == []


@postgresql
def test_parameters_bound_by_the_server(shop):
    connection = connections[shop.database]
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    options["server_side_binding"] = True
    try:
        shop.fill(200)
        traffic = shop.migrate(on_orders(lambda orders: orders.update(number=5)))
    finally:
        del options["server_side_binding"]
        connection.close()
    assert locks(only(traffic)) == {"shop_order": "ROW EXCLUSIVE"}
    assert traffic.verdict is Verdict.BLOCKS_WRITES


@postgresql
def test_tables_in_other_schemas_have_their_schemas_name(shop):
    execute(shop.database, "CREATE SCHEMA other")
    execute(shop.database, "CREATE TABLE other.orders (id int)")
    traffic = shop.migrate(migrations.RunSQL("ALTER TABLE other.orders ADD n int"))
    assert locks(only(traffic)) == {"other.orders": "ACCESS EXCLUSIVE"}


@postgresql
def test_migrations_are_told_apart(shop):
    with shop.observer as observer:
        for name in ("0001", "0002", "0003"):
            observer.begin(f"shop.{name}", "migrate")
            if name != "0002":
                with transaction.atomic(using=shop.database):
                    execute(shop.database, "LOCK TABLE shop_order")
        execute(shop.database, "SELECT 1")
    assert [each.migration for each in observer.traffic] == ["shop.0001", "shop.0003"]


@pytest.mark.databases("sqlite", "mysql")
def test_other_databases_are_left_alone(shop):
    assert shop.migrate(add("weight")) is None
    assert connections[shop.database].execute_wrappers == []
