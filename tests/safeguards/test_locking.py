"""The lock of a database by itself."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from django.db import connections, transaction

from syzygy_like.management.migrate import messages
from syzygy_like.safeguards.connections import ask, own_connection
from syzygy_like.safeguards.locking import waiting
from syzygy_like.safeguards.locking.lock import (
    Hold,
    Holder,
    LockFileError,
    LockWaitError,
    LostLockError,
)
from syzygy_like.safeguards.locking.mysql import lock_name
from syzygy_like.safeguards.locking.vendors import lock_for
from syzygy_like.safeguards.locking.waiting import Acquired, Waiting, one_at_a_time
from tests.support.killing import PATIENCE, Child
from tests.support.orders import execute
from tests.support.pgbouncer import registered
from tests.support.rivals import end, is_free, lock_file, rival

HOLDER = Holder("postgresql", 4711, "shop", 12)
WAIT_ERROR = LockWaitError("default", 600, dataclasses.replace(HOLDER, connected=720))
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "one-at-a-time.rst"


def silent(event):
    """Do without what is told."""


def test_it_is_held_and_given_back(database):
    with one_at_a_time(database, 0, silent) as hold:
        hold.check()
        assert not is_free(database)
    assert is_free(database)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_it_is_given_back_whatever_is_raised(database, error):
    with pytest.raises(error), one_at_a_time(database, 0, silent):
        raise error
    assert is_free(database)


def test_another_run_is_waited_for(database):
    told = []
    with rival(database) as other:

        def tell(event):
            told.append(event)
            other.close()

        with one_at_a_time(database, PATIENCE, tell) as hold:
            hold.check()
    assert [type(each) for each in told] == [Waiting, Acquired]
    first, last = map(messages.told, told)
    assert first.startswith(f"Another run migrates the database {database!r}: ")
    assert first.endswith(" Waiting for it for up to 1 min.")
    assert last.startswith("The other run has ended after ")


def test_who_waits_for_long_is_told_again(database, monkeypatch):
    monkeypatch.setattr(waiting, "PAUSE", 0.001)
    monkeypatch.setattr(waiting, "REMINDER", 0)
    told = []
    with rival(database) as other:

        def tell(event):
            told.append(event)
            if len(told) == 3:
                other.close()

        with one_at_a_time(database, PATIENCE, tell):
            pass
    assert [type(each) for each in told] == [Waiting, Waiting, Waiting, Acquired]
    assert "Still waiting after" in messages.told(told[1])


def test_it_is_not_waited_for_for_ever(database):
    told = []
    with rival(database), pytest.raises(LockWaitError) as caught:  # noqa: SIM117
        with one_at_a_time(database, 0.15, told.append):
            pytest.fail("there are two runs")
    assert [type(each) for each in told] == [Waiting]
    text = messages.failed(caught.value)
    assert f"migrates the database {database!r} and did not end within 150 ms" in text
    assert "--migration-lock-wait" in text


@pytest.mark.databases("postgresql")
def test_postgresql_tells_who_has_it(database):
    config = {**connections.settings[database]}
    config["OPTIONS"] = {"application_name": "worker 7"}
    with registered("worker", config), rival("worker") as other:
        (pid,) = ask(other.connection, "SELECT pg_backend_pid()")
        found = other.holder()
        with pytest.raises(LockWaitError) as caught:  # noqa: SIM117
            with one_at_a_time(database, 0, silent):
                pass
    assert (found.pid, found.application) == (pid, "worker 7")
    assert 0 <= found.connected < PATIENCE
    text = messages.failed(caught.value)
    assert f'PostgreSQL process {pid} ("worker 7"), connected for ' in text
    assert f"SELECT pg_terminate_backend({pid});" in text


@pytest.mark.databases("mysql")
def test_mysql_tells_who_has_it(database):
    with rival(database) as other:
        (pid,) = ask(other.connection, "SELECT CONNECTION_ID()")
        with pytest.raises(LockWaitError) as caught:  # noqa: SIM117
            with one_at_a_time(database, 0, silent):
                pass
    text = messages.failed(caught.value)
    assert f"MySQL connection {pid}." in text
    assert f"KILL {pid};" in text


@pytest.mark.databases("mysql")
@pytest.mark.parametrize("name", ["shop", "s" * 64, "Läden"])
def test_mysql_takes_the_name(database, name):
    assert len(lock_name(name)) <= 64
    taken = "SELECT GET_LOCK(%s, 0), RELEASE_LOCK(%s)"
    assert execute(database, taken, *[lock_name(name)] * 2) == [(1, 1)]


def test_a_run_within_a_run_does_not_wait_for_it(database):
    with one_at_a_time(database, 0, silent) as hold:
        with one_at_a_time(database, 0, silent) as same:
            assert same is hold
        hold.check()
        assert not is_free(database)


def test_a_run_of_another_thread_waits(database):
    caught = []

    def run():
        try:
            with one_at_a_time(database, 0, silent):
                pass
        except LockWaitError as error:
            caught.append(error)
        finally:
            connections.close_all()

    with one_at_a_time(database, 0, silent):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert len(caught) == 1


def stay(alias):
    """Hold the lock until the process is killed."""
    with one_at_a_time(alias, 0, silent):
        sys.stdout.write("held\n")
        time.sleep(PATIENCE)


def test_it_ends_with_the_process(database, tmp_path):
    child = Child(tmp_path, stay, database)
    child.wait_for("held")
    assert not is_free(database)
    assert child.kill() < 0
    with one_at_a_time(database, PATIENCE, silent) as hold:
        hold.check()


def test_whoever_loses_it_notices(database):
    with one_at_a_time(database, 0, silent) as hold:
        end(database)
        with pytest.raises(LostLockError) as caught:
            hold.check()
        with rival(database):
            pass
    text = messages.failed(caught.value)
    assert f"lost its lock on the database {database!r}" in text


def test_a_lost_lock_is_no_obstacle_to_the_next(database):
    with one_at_a_time(database, 0, silent):
        end(database)
    assert is_free(database)


@pytest.mark.databases("postgresql", "mysql")
def test_a_connection_that_was_cut_meanwhile_is_opened_again(database):
    number = {"postgresql": "pg_backend_pid()", "mysql": "CONNECTION_ID()"}[database]
    [(pid,)] = execute(database, f"SELECT {number}")
    with rival(database) as other:

        def tell(event):
            if isinstance(event, Waiting):
                with contextlib.closing(own_connection(connections[database])) as own:
                    kill = {"mysql": "KILL %s"}.get(
                        database, "SELECT pg_terminate_backend(%s)"
                    )
                    ask(own, kill, [pid])
                other.close()

        with one_at_a_time(database, PATIENCE, tell):
            assert execute(database, f"SELECT {number}") != [(pid,)]


def test_it_is_held_beside_a_transaction(database):
    with transaction.atomic(using=database):
        with one_at_a_time(database, 0, silent) as hold:
            hold.check()
        assert connections[database].in_atomic_block
    assert is_free(database)


@pytest.mark.databases("postgresql")
def test_its_session_is_in_no_transaction(database):
    """Or an index that is built concurrently would wait for it."""
    config = {**connections.settings[database], "AUTOCOMMIT": False}
    with registered("manual", config), one_at_a_time("manual", 0, silent) as hold:
        pid = hold.lock.holder().pid
        state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        assert execute(database, state, pid) == [("idle",)]


@pytest.mark.databases("postgresql")
def test_its_session_is_of_no_pool(database):
    config = {**connections.settings[database], "OPTIONS": {"pool": {"max_size": 1}}}
    with registered("pooled", config):
        own = own_connection(connections["pooled"])
        assert "pool" not in own.settings_dict["OPTIONS"]
        assert "pool" in connections["pooled"].settings_dict["OPTIONS"]


@pytest.mark.databases("postgresql", "mysql")
def test_its_session_may_be_idle(database):
    short, asked, expected = {
        "postgresql": (
            {"options": "-c idle_session_timeout=9000"},
            "SHOW idle_session_timeout",
            "0",
        ),
        "mysql": (
            {"init_command": "SET SESSION wait_timeout = 9"},
            "SELECT @@SESSION.wait_timeout",
            28800,
        ),
    }[database]
    config = {**connections.settings[database], "OPTIONS": short}
    with registered("short", config):
        assert ask(connections["short"], asked) != (expected,)
        with one_at_a_time("short", 0, silent) as hold:
            assert ask(hold.lock.connection, asked) == (expected,)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", [":memory:", "file:m?mode=memory&cache=shared"])
def test_a_database_in_memory_needs_none(database, name):
    config = {"ENGINE": "django.db.backends.sqlite3", "NAME": name}
    with registered("memory", config), one_at_a_time("memory", 0, silent) as hold:
        assert lock_for("memory") is None
        hold.check()


def test_other_vendors_have_none():
    with registered("other", {"ENGINE": "django.db.backends.dummy"}):
        assert lock_for("other") is None


def test_a_run_that_has_none_goes_on():
    Hold().check()


@pytest.mark.databases("sqlite")
def test_the_file_is_removed(database):
    path = Path(lock_file(database))
    with one_at_a_time(database, 0, silent):
        assert path.exists()
    assert not path.exists()


@pytest.mark.databases("sqlite")
def test_a_file_that_is_removed_while_it_is_opened_is_no_lock(database, monkeypatch):
    connect = sqlite3.connect
    with rival(database) as other:

        def connect_before_it_is_removed(*args, **kwargs):
            connection = connect(*args, **kwargs)
            monkeypatch.undo()
            other.close()
            return connection

        execute(database, "SELECT 1")
        lock = lock_for(database)
        with contextlib.closing(lock):
            monkeypatch.setattr(sqlite3, "connect", connect_before_it_is_removed)
            assert lock.acquire()
            assert lock.is_held()
            assert not is_free(database)


def count(alias, path, number):
    """Add to the number in a file, which takes two steps."""
    lock = lock_for(alias)
    for _ in range(number):
        while not lock.acquire():
            time.sleep(0.001)
        path.write_text(str(int(path.read_text()) + 1))
        lock.close()


@pytest.mark.databases("sqlite")
def test_processes_exclude_each_other_while_the_file_comes_and_goes(database, tmp_path):
    path = tmp_path / "number"
    path.write_text("0")
    children = [Child(tmp_path, count, database, path, 25) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4, children[0].output
    assert path.read_text() == "100"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("spoil", [Path.mkdir, lambda path: path.write_text("x" * 999)])
def test_a_file_that_is_no_lock_is_named(database, spoil):
    path = Path(lock_file(database))
    spoil(path)
    try:
        with pytest.raises(LockFileError) as caught:  # noqa: SIM117
            with one_at_a_time(database, 0, silent):
                pass
        assert str(path) in messages.failed(caught.value)
    finally:
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    "text",
    [
        messages.told(Waiting("default", 600, 0, HOLDER)),
        messages.told(Acquired("default", 35)),
        messages.failed(WAIT_ERROR),
    ],
)
def test_the_docs_show_what_is_said(text):
    assert " ".join(text.split()) in " ".join(PAGE.read_text().split())


def attempt_as_nobody(alias):
    """Try to take the lock as a user who may write neither file nor folder."""
    lock = lock_for(alias)
    if os.geteuid() == 0:
        os.setuid(65534)
    with pytest.raises(LockFileError):
        lock.acquire()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_that_cannot_be_written_to_is_no_lock(database, tmp_path, is_there):
    with tempfile.TemporaryDirectory() as name:  # pytest's own are open to one user
        folder = Path(name)
        config = {**connections.settings[database], "NAME": str(folder / "db")}
        with registered("other", config):
            execute("other", "CREATE TABLE thing (id integer)")
            if is_there:
                Path(lock_file("other")).touch(0o444)
            folder.chmod(0o555)
            child = Child(tmp_path, attempt_as_nobody, "other")
            assert child.wait() == 0, child.output
            folder.chmod(0o755)
