"""Limits of statements on real databases, and tries of what came up against them."""

from __future__ import annotations

import threading

import pytest
from django.db import DatabaseError, OperationalError, connections, models, transaction
from django.db.migrations.state import ModelState, ProjectState

from syzygy_like.safeguards.timeouts import retry
from syzygy_like.safeguards.timeouts.blockers import blockers
from syzygy_like.safeguards.timeouts.errors import (
    LockTimeoutError,
    NoLimitsError,
    StatementTimeoutError,
)
from syzygy_like.safeguards.timeouts.exemptions import Exemption, exempt, exemption
from syzygy_like.signals import migration_retried
from tests.support.locks import lock_retries, session
from tests.support.orders import execute
from tests.support.parties import wait_until
from tests.support.pgbouncer import pooled
from tests.support.projects import tables

LOCKED = "SELECT count(*) FROM shop_order"
ADD = "ALTER TABLE shop_order ADD COLUMN note integer"
SLOW = {"postgresql": "SELECT pg_sleep(9)", "mysql": "SELECT SLEEP(9) FROM shop_order"}
POSTGRESQL = pytest.mark.databases("postgresql")
# A machine that is busy may not get to look who blocks in time.
TRIES = 10
SERVERS = pytest.mark.databases("postgresql", "mysql")


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.001)


@pytest.fixture
def order(database):
    execute(database, "CREATE TABLE shop_order (id integer primary key, total integer)")
    execute(database, "INSERT INTO shop_order (id) VALUES (1)")
    return connections[database]


def setting(connection, name="lock_timeout"):
    return execute(connection.alias, f"SELECT current_setting('{name}')")[0][0]


def limits_of(connection):
    """Return the limits of a session, in words of its database."""
    if connection.vendor == "postgresql":
        return setting(connection), setting(connection, "statement_timeout")
    statement = "max_statement_time" if connection.mysql_is_mariadb else "0"
    names = ("lock_wait_timeout", "innodb_lock_wait_timeout", statement)
    (found,) = execute(
        connection.alias, "SELECT " + ", ".join(f"@@SESSION.{each}" for each in names)
    )
    return found


def attempt(policy, connection, *statements, is_safe=True):
    """Have statements executed in a transaction, and again."""

    def action():
        with transaction.atomic(connection.alias):
            for sql in statements:
                execute(connection.alias, sql)
        return "done"

    with policy.in_force(connection):
        return policy.attempt(connection, "shop.0002", action, lambda: is_safe)


@SERVERS
def test_limits_hold_for_a_session_and_not_longer(order):
    before = limits_of(order)
    policy = lock_retries(lock_timeout=1.2, statement_timeout=7)
    with policy.in_force(order):
        assert limits_of(order) != before
        if order.vendor == "postgresql":
            assert limits_of(order) == ("1200ms", "7s")
        else:
            assert limits_of(order)[:2] == (2, 2)
    assert limits_of(order) == before


@SERVERS
def test_limits_hold_for_a_session_that_is_opened_meanwhile(order):
    before = limits_of(order)
    with lock_retries(lock_timeout=2).in_force(order):
        limited = limits_of(order)
        order.close()
        assert limits_of(order) == limited != before
    assert limits_of(order) == before


@SERVERS
def test_a_connection_that_is_closed_at_the_end_stays_closed(order):
    with lock_retries().in_force(order):
        order.close()
    assert order.connection is None


@POSTGRESQL
def test_the_limits_of_the_settings_are_back_afterwards(order):
    order.close()
    options = order.settings_dict.setdefault("OPTIONS", {})
    options["options"] = "-c lock_timeout=4321"
    try:
        with lock_retries().in_force(order):
            assert setting(order) == "100ms"
        assert setting(order) == "4321ms"
    finally:
        order.close()
        del options["options"]


@POSTGRESQL
def test_a_savepoint_that_is_rolled_back_leaves_the_limit(order):
    with lock_retries().in_force(order), transaction.atomic(order.alias):
        with pytest.raises(DatabaseError), transaction.atomic(order.alias):
            execute(order.alias, "SELECT nothing")
        assert setting(order) == "100ms"


@POSTGRESQL
def test_the_cursor_of_the_driver_is_limited_too(order):
    refused = order.Database.errors.LockNotAvailable
    with session(order.alias, LOCKED), lock_retries().in_force(order):
        cursor = order.connection.cursor()
        with cursor, pytest.raises(refused):
            cursor.execute(ADD)


@SERVERS
def test_what_could_not_have_a_lock_is_tried_again(order):
    with session(order.alias, LOCKED) as other:
        policy = lock_retries(other.release)
        assert attempt(policy, order, ADD) == "done"
    (retry,) = policy.tell.retries
    assert (retry.name, retry.number, retry.retries) == ("shop.0002", 1, 3)
    assert retry.statement == ADD
    assert execute(order.alias, "SELECT note FROM shop_order") == [(None,)]


@SERVERS
def test_who_blocks_is_told(order):
    with session(order.alias, LOCKED) as other:
        pid = other.pid
        for _ in range(TRIES):
            with pytest.raises(LockTimeoutError) as caught:
                attempt(lock_retries(lock_timeout=0.4, retries=1), order, ADD)
            if caught.value.blockers:
                break
    error = caught.value
    assert (error.name, error.tries) == ("shop.0002", 2)
    assert error.limit == (0.4 if order.vendor == "postgresql" else 1)
    assert error.statement == ADD
    blocker = error.blockers[0]
    assert blocker.pid == pid
    assert blocker.age >= 0
    if order.vendor == "postgresql":
        assert blocker.is_certain
        assert blocker.state == "idle in transaction"
        assert blocker.query == "SELECT pg_backend_pid()"


@SERVERS
def test_a_row_that_is_locked_is_a_lock_too(order):
    update = "UPDATE shop_order SET total = 1"
    with session(order.alias, update) as other:
        policy = lock_retries(other.release)
        assert attempt(policy, order, update) == "done"
    assert len(policy.tell.retries) == 1


@SERVERS
def test_what_is_not_safe_is_not_tried_again(order):
    with session(order.alias, LOCKED):
        policy = lock_retries()
        with pytest.raises(LockTimeoutError) as caught:
            attempt(policy, order, ADD, is_safe=False)
    assert not caught.value.is_safe
    assert caught.value.tries == 1
    assert policy.tell.events == []


@POSTGRESQL
def test_inside_of_a_transaction_nothing_is_tried_again(order):
    with session(order.alias, LOCKED):
        policy = lock_retries()
        with pytest.raises(OperationalError), transaction.atomic(order.alias):
            attempt(policy, order, ADD)
    assert policy.tell.events == []


@SERVERS
def test_an_error_of_another_kind_is_left_alone(order):
    with pytest.raises(DatabaseError, match="nothing"):
        attempt(lock_retries(), order, "SELECT nothing FROM shop_order")


@POSTGRESQL
def test_an_error_that_was_raised_from_that_of_the_database(order):
    with session(order.alias, LOCKED) as other:
        policy = lock_retries(other.release)

        def action():
            try:
                execute(order.alias, ADD)
            except OperationalError as error:
                raise RuntimeError from error

        with policy.in_force(order):
            policy.attempt(order, "shop.0002", action, lambda: True)
    assert len(policy.tell.retries) == 1


@POSTGRESQL
def test_an_error_that_is_swallowed_in_a_transaction(order):
    """What fails then is the next statement; so does it where a save() failed."""
    with session(order.alias, LOCKED) as other:
        policy = lock_retries(other.release)

        def action():
            with transaction.atomic(order.alias):
                try:
                    with transaction.mark_for_rollback_on_error(order.alias):
                        execute(order.alias, ADD)
                except OperationalError:
                    pass
                execute(order.alias, LOCKED)

        with policy.in_force(order):
            policy.attempt(order, "shop.0002", action, lambda: True)
    assert len(policy.tell.retries) == 1


@POSTGRESQL
def test_a_pooler_of_sessions_keeps_them(order):
    with pooled(order.alias, mode="session") as alias:
        connection = connections[alias]
        policy = lock_retries()
        with policy.in_force(connection):
            assert setting(connection) == "100ms"
            pid = execute(alias, "SELECT pg_backend_pid()")[0][0]
            assert policy.timeouts.session == pid


@SERVERS
def test_a_deadlock_is_a_lock_that_could_not_be_had(order):
    execute(order.alias, "INSERT INTO shop_order (id) VALUES (2)")
    update = "UPDATE shop_order SET total = 1 WHERE id = %d"
    with session(order.alias, update % 2) as other:
        both_hold, done = threading.Barrier(2), []

        def wait_for_the_first():
            both_hold.wait()
            try:
                other.execute(update % 1)
            except DatabaseError:
                done.append("deadlock")
            other.release()

        other.connection.inc_thread_sharing()
        thread = threading.Thread(target=wait_for_the_first)
        thread.start()
        tries = []

        def action():
            with transaction.atomic(order.alias):
                execute(order.alias, update % 1)
                if not tries:
                    both_hold.wait()
                tries.append(1)
                execute(order.alias, update % 2)

        policy = lock_retries(lock_timeout=20)
        with policy.in_force(order):
            policy.attempt(order, "shop.0002", action, lambda: True)
        thread.join()
    assert len(policy.tell.retries) + len(done) == 1
    assert all(each.is_deadlock for each in policy.tell.retries)


@POSTGRESQL
def test_who_waits_in_the_queue_is_told_after_who_holds_the_lock(order):
    """However long its transaction is open."""
    alias, threads = order.alias, []
    with (
        session(alias, "SELECT 1") as queued,
        session(alias, LOCKED) as holder,
        session(alias) as last,
    ):
        pids = [holder.pid, queued.pid]
        for each in queued, last:
            pid = each.pid
            each.connection.inc_thread_sharing()
            threads.append(threading.Thread(target=each.execute, args=[ADD]))
            threads[-1].start()
            assert wait_until(lambda pid=pid: waits(alias, pid))
        found = blockers(order, pid, "")
        for other, thread in zip((holder, queued), threads, strict=True):
            other.release()
            thread.join()
    assert [each.pid for each in found] == pids
    assert [each.waits for each in found] == [False, True]


def waits(alias, pid):
    """Tell whether a session waits for a lock."""
    sql = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
    return execute(alias, sql, pid) == [("Lock",)]


@POSTGRESQL
def test_deferred_sql_that_waited_too_long_is_tried_again_from_the_start(order):
    """Django leaves the connection inside of the transaction then."""
    state = ProjectState()
    order_state = ModelState(
        "shop", "Order", [("id", models.IntegerField(primary_key=True))]
    )
    item = ModelState(
        "shop",
        "Item",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("order", models.ForeignKey("shop.Order", models.CASCADE)),
        ],
    )
    state.add_model(order_state)
    state.add_model(item)
    model = state.apps.get_model("shop", "Item")

    def action():
        with order.schema_editor(atomic=True) as editor:
            editor.create_model(model)

    with session(order.alias, "LOCK TABLE shop_order IN ROW EXCLUSIVE MODE") as other:
        policy = lock_retries(other.release)
        with policy.in_force(order):
            policy.attempt(order, "shop.0002", action, lambda: True)
            assert setting(order) == "100ms"
    (retry,) = policy.tell.retries
    assert "FOREIGN KEY" in retry.statement
    assert tables(order.alias) == {"shop_order", "shop_item"}
    assert not order.in_atomic_block
    assert order.get_autocommit()


@POSTGRESQL
def test_the_connection_is_of_use_after_deferred_sql_failed(order):
    def action():
        with order.schema_editor(atomic=True) as editor:
            editor.execute("CREATE TABLE shop_item ()")
            editor.deferred_sql.append(ADD)

    with session(order.alias, LOCKED):
        policy = lock_retries(retries=1)
        with policy.in_force(order), pytest.raises(LockTimeoutError):
            policy.attempt(order, "shop.0002", action, lambda: True)
    assert tables(order.alias) == {"shop_order"}


@SERVERS
def test_a_statement_that_takes_too_long(order):
    if order.vendor == "mysql" and not order.mysql_is_mariadb:
        pytest.skip("it limits SELECT only, and SLEEP() returns 1 rather than fail")
    policy = lock_retries(statement_timeout=0.1)
    with pytest.raises(StatementTimeoutError) as caught:
        attempt(policy, order, SLOW[order.vendor])
    assert (caught.value.limit, caught.value.statement) == (0.1, SLOW[order.vendor])
    assert policy.tell.events == []


@POSTGRESQL
def test_a_statement_that_somebody_has_cancelled(order):
    """It has the code of one that took too long."""
    with pytest.raises(OperationalError):
        attempt(
            lock_retries(statement_timeout=60),
            order,
            "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(9)",
        )


@SERVERS
def test_what_is_exempt_takes_as_long_as_it_needs(order):
    if order.vendor == "mysql" and not order.mysql_is_mariadb:
        pytest.skip("it limits SELECT only")
    sleep = SLOW[order.vendor].replace("9", "0.2")
    with lock_retries(statement_timeout=0.1).in_force(order):
        limited = limits_of(order)
        with exempt():
            execute(order.alias, sleep)
            with transaction.atomic(order.alias):
                execute(order.alias, sleep)
            with pytest.raises(DatabaseError):
                execute(order.alias, "SELECT nothing FROM shop_order")
        assert limits_of(order) == limited
        with pytest.raises(DatabaseError):
            execute(order.alias, sleep)


@POSTGRESQL
def test_a_concurrent_index_waits_for_old_transactions(order):
    slow = "CREATE FUNCTION slow(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql"
    execute(order.alias, f"{slow} AS 'BEGIN PERFORM pg_sleep(0.2); RETURN $1; END'")
    index = "CREATE INDEX CONCURRENTLY slowly ON shop_order (slow(id))"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with session(order.alias, "UPDATE shop_order SET total = 2") as other:
        other.connection.inc_thread_sharing()
        watch = connections[order.alias].copy()
        watch.inc_thread_sharing()

        def release():
            """Let go of it after its lock timeout, had it one."""
            with watch.cursor() as cursor:
                for _ in range(500):
                    cursor.execute(waits)
                    if cursor.fetchone()[0]:
                        break
                    cursor.execute("SELECT pg_sleep(0.02)")
                cursor.execute("SELECT pg_sleep(0.1)")
            other.release()

        thread = threading.Thread(target=release)
        thread.start()
        try:
            with lock_retries(lock_timeout=0.05, statement_timeout=0.05).in_force(
                order
            ):
                execute(order.alias, index)
                assert limits_of(order) == ("50ms", "50ms")
        finally:
            thread.join()
            watch.close()
    assert execute(order.alias, "SELECT bool_and(indisvalid) FROM pg_index") == [
        (True,)
    ]


@POSTGRESQL
def test_a_validation_may_take_long_and_not_wait(order):
    slow = "CREATE FUNCTION slow(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql"
    execute(order.alias, f"{slow} AS 'BEGIN PERFORM pg_sleep(0.2); RETURN true; END'")
    check = "ALTER TABLE shop_order ADD CONSTRAINT slowly CHECK (slow(id)) NOT VALID"
    validate = "ALTER TABLE shop_order VALIDATE CONSTRAINT slowly"
    policy = lock_retries(retries=0, statement_timeout=0.1)
    attempt(policy, order, check, validate)
    locked = session(order.alias, "LOCK TABLE shop_order")
    with locked, pytest.raises(LockTimeoutError):
        attempt(policy, order, validate)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('CREATE INDEX CONCURRENTLY "a" ON "b" ("c")', Exemption.BOTH),
        ("create unique index concurrently if not exists a on b (c)", Exemption.BOTH),
        (
            "-- why\n/* and\nhow */ DROP INDEX\n  CONCURRENTLY IF EXISTS a",
            Exemption.BOTH,
        ),
        ("REINDEX INDEX CONCURRENTLY a", Exemption.BOTH),
        ("REINDEX (VERBOSE) TABLE CONCURRENTLY a", Exemption.BOTH),
        ("REINDEX (CONCURRENTLY) TABLE a", Exemption.BOTH),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", Exemption.BOTH),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY a", Exemption.STATEMENT),
        ('ALTER TABLE "a" VALIDATE CONSTRAINT "b"', Exemption.STATEMENT),
        ("CREATE INDEX a ON b (c)", Exemption.NONE),
        ("ALTER TABLE a DETACH PARTITION b", Exemption.NONE),
        (
            "ALTER TABLE a ADD b int; ALTER TABLE a VALIDATE CONSTRAINT c",
            Exemption.NONE,
        ),
        ("INSERT INTO a VALUES ('CREATE INDEX CONCURRENTLY')", Exemption.NONE),
    ],
)
def test_which_statements_are_exempt(sql, expected):
    assert exemption(sql) is expected


@SERVERS
def test_a_retry_sends_a_signal_and_receivers_that_fail_do_no_harm(order, caplog):
    received = []

    def receiver(sender, **kwargs):
        received.append((sender, kwargs))
        raise ValueError

    migration_retried.connect(receiver)
    try:
        with session(order.alias, LOCKED) as other:
            attempt(lock_retries(other.release), order, ADD)
    finally:
        migration_retried.disconnect(receiver)
    ((sender, kwargs),) = received
    assert sender is type(order)
    assert kwargs.pop("signal") is migration_retried
    assert isinstance(kwargs.pop("error"), OperationalError)
    assert kwargs.pop("delay") >= 0
    assert isinstance(kwargs.pop("blockers"), tuple)
    expected = {"migration": "shop.0002", "attempt": 1, "retries": 3}
    assert kwargs == {"using": order.alias, **expected}


@pytest.mark.parametrize("limits", [{"lock_timeout": None}, {"lock_timeout": 0}])
@POSTGRESQL
def test_without_limits_all_is_as_with_django(order, limits):
    before = limits_of(order)
    threads = threading.active_count()
    policy = lock_retries(**limits)
    with policy.in_force(order):
        assert limits_of(order) == before
        assert threading.active_count() == threads
        assert not order.execute_wrappers
        calls = []
        with pytest.raises(ZeroDivisionError):
            policy.attempt(order, "", lambda: calls.append(1) or 1 / 0, lambda: True)
        assert calls == [1]


@SERVERS
def test_nothing_is_left_behind(order):
    with pytest.raises(KeyboardInterrupt), lock_retries().in_force(order):
        raise KeyboardInterrupt
    names = {thread.name for thread in threading.enumerate()}
    assert "syzygy_like.safeguards.timeouts" not in names
    assert not order.execute_wrappers


@pytest.mark.databases("sqlite")
def test_sqlite_has_no_limits(database):
    connection = connections[database]
    with lock_retries().in_force(
        connection
    ):  # as the settings may say for all databases
        assert lock_retries().attempt(connection, "", lambda: 1, lambda: True) == 1
    with pytest.raises(NoLimitsError), lock_retries(required=True).in_force(connection):
        pass


def test_delays_grow_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.1)
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: high)
    delays = [retry.delay_before(number) for number in range(1, 13)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-2:] == [30.0, 30.0]
