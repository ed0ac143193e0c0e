"""Scratch databases: made, used, dropped in every case, and never the real one."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.mysql.creation import DatabaseCreation as MySQLCreation
from django.db.backends.signals import connection_created
from django.utils.connection import ConnectionDoesNotExist

from syzygy_like.rehearsal.scratch import creation
from syzygy_like.rehearsal.scratch.errors import (
    CannotCopyError,
    InTransactionError,
    LeftBehindError,
    ScratchError,
    WrongDatabaseError,
)
from syzygy_like.rehearsal.scratch.scratch import Scratch
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    NotRehearsedError,
    forget_refusals,
)
from tests.support.databases import forget
from tests.support.projects import ROOT, tables

NAMES = {
    "postgresql": "SELECT datname FROM pg_database",
    "mysql": "SELECT schema_name FROM information_schema.schemata",
}
USERS = {
    "postgresql": "SELECT rolname FROM pg_roles",
    "mysql": "SELECT user FROM mysql.user",
}


def run(alias, *statements):
    with connections[alias].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def made(alias):
    """Return the names of the scratch databases that there are of an alias."""
    if connections[alias].vendor == "sqlite":
        names = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
        return {name for name in names if f"test_{alias}_rehearsal_" in name}
    real = connections[alias].settings_dict["NAME"]
    names = [name for (name,) in run(alias, NAMES[connections[alias].vendor])]
    return {name for name in names if real[:20] in name and "_rehearsal_" in name}


def users(alias):
    """Return the names of all users of a server."""
    sql = USERS.get(connections[alias].vendor)
    return {name for (name,) in run(alias, sql)} if sql else set()


@contextlib.contextmanager
def unchanged(alias):
    """Check that connections and settings are the same objects, and equal."""
    before = {each: connections.settings[each] for each in connections}
    values = copy.deepcopy(connections.settings)
    wrapper, there = connections[alias], made(alias)
    wrapper.ensure_connection()
    raw = wrapper.connection
    yield
    assert connections[alias] is wrapper
    assert wrapper.connection is raw
    assert connections.settings == values
    assert list(connections.settings) == list(values)
    for each, settings in before.items():
        assert connections.settings[each] is settings
    assert wrapper.settings_dict is connections.settings[alias]
    assert made(alias) == there


@contextlib.contextmanager
def configured(alias, **settings):
    """Add an alias, or change the settings of one."""
    all_before = dict(connections.settings)
    before = all_before.get(alias)
    with contextlib.suppress(ConnectionDoesNotExist, AttributeError):
        forget(alias)
    base = copy.deepcopy(before or {"TEST": {}, "OPTIONS": {}})
    connections.settings[alias] = {**base, **settings}
    connections.configure_settings(connections.settings)
    try:
        yield
    finally:
        with contextlib.suppress(ImproperlyConfigured):
            forget(alias)
        connections.settings.clear()
        connections.settings.update(all_before)


@pytest.fixture(autouse=True)
def _no_refusals():
    """Leave no refusal behind, which the next rehearsal of the process would raise."""
    yield
    forget_refusals()


def test_it_is_made_used_and_dropped(database):
    run(database, "CREATE TABLE mine (id INTEGER)", "INSERT INTO mine VALUES (7)")
    with unchanged(database):
        original = connections[database]
        with Scratch([database]) as scratch:
            assert connections[database] is not original
            name = scratch.names[database]
            assert connections[database].settings_dict["NAME"] == name
            assert connections.settings[database]["NAME"] == name
            assert re.search(r"test_.*_rehearsal_[0-9a-f]{8}", name)
            assert tables(database) == set()
            assert len(made(database)) == 1
            run(database, "CREATE TABLE other (id INTEGER)")
            with transaction.atomic(using=database):
                run(database, "INSERT INTO other VALUES (1)")
            assert tables(database) == {"other"}
        assert tables(database) == {"mine"}
        assert [*run(database, "SELECT id FROM mine")] == [(7,)]


def test_in_memory(database_in_memory):
    alias = database_in_memory
    run(alias, "CREATE TABLE mine (id INTEGER)")
    with unchanged(alias):
        with Scratch([alias]):
            assert tables(alias) == set()
            run(alias, "CREATE TABLE other (id INTEGER)")
        assert tables(alias) == {"mine"}


@pytest.fixture
def database_in_memory(django_db_blocker):
    engine = "django.db.backends.sqlite3"
    with (
        django_db_blocker.unblock(),
        configured("memory", ENGINE=engine, NAME=":memory:"),
    ):
        yield "memory"


def test_the_default_connection_is_it(database_in_memory, databases):
    with configured("default", ENGINE="django.db.backends.sqlite3", NAME=":memory:"):
        with Scratch(["default"]) as scratch, connection.cursor() as cursor:
            cursor.execute("PRAGMA database_list")
            assert cursor.fetchone()[2] == scratch.names["default"]
        forget("default")


def fail_inside(database, error):
    with Scratch([database]), transaction.atomic(database):
        run(database, "CREATE TABLE other (id INTEGER)")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_inside(database, error):
    with unchanged(database):
        with pytest.raises(error):
            fail_inside(database, error)
        assert "other" not in tables(database)


def test_it_is_used_again_and_within_limits(database):
    long = "é" * 30
    with Scratch([database]) as first:
        pass
    with Scratch([database]) as second:
        assert first.names != second.names
    maker = creation.maker(database)
    maker.settings["NAME"] = long
    name = Path(maker.free_name())
    last = name.parent.name if connections[database].vendor == "sqlite" else name.name
    assert len(last.encode()) <= 63


def test_threads_and_their_guards(database):
    other = next(alias for alias in connections if alias != database)
    found = []

    def work():
        found.append(connections[database].settings_dict["NAME"])
        found.append(tables(database))
        try:
            connections[other].connect()
        except NotRehearsedError as error:
            found.append(error.alias)
        for each in (database, other):
            BaseDatabaseWrapper.close(connections[each])

    with Scratch([database]) as scratch:
        run(database, "CREATE TABLE other (id INTEGER)")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [scratch.names[database], {"other"}, other]


def test_others_are_guarded(database, database_in_memory):
    guarded = database_in_memory
    run(guarded, "CREATE TABLE mine (id INTEGER)")
    original = connections[guarded]
    with Scratch([database]):
        with pytest.raises(NotRehearsedError):
            connections[guarded].cursor()
        with pytest.raises(NotRehearsedError), transaction.atomic(using=guarded):
            pass
        with pytest.raises(NotRehearsedError):
            connections[guarded].copy().connect()
        assert connections[guarded].vendor == "sqlite"
        assert connections[guarded].ops.quote_name("a") == '"a"'
    assert connections[guarded] is original
    assert tables(guarded) == {"mine"}


def test_a_guard_of_an_engine_that_is_not_there(database):
    with configured("broken", ENGINE="no.such.engine"):
        with Scratch([database]):
            run(database, "CREATE TABLE other (id INTEGER)")
            with pytest.raises(ImproperlyConfigured):
                connections["broken"].cursor()
        assert connections.settings["broken"]["ENGINE"] == "no.such.engine"


def test_mirrors(database):
    real = connections.settings[database]
    replica = {**real, "NAME": "elsewhere", "TEST": {"MIRROR": database}}
    with configured("replica", **replica), Scratch([database]) as scratch:
        run(database, "CREATE TABLE other (id INTEGER)")
        assert tables("replica") == {"other"}
        assert scratch.names["replica"] == scratch.names[database]
        scratch.copy("start")
        run("replica", "DROP TABLE other")
        with scratch.copied("start"):
            assert tables("replica") == tables(database) == {"other"}
        assert tables("replica") == set()


def test_two_aliases_of_one_database(database):
    real = copy.deepcopy(connections.settings[database])
    with configured("again", **real), Scratch([database, "again"]):
        run(database, "CREATE TABLE other (id INTEGER)")
        assert tables("again") == {"other"}


def test_two_databases(database, database_in_memory):
    with Scratch([database, database_in_memory]) as scratch:
        run(database, "CREATE TABLE other (id INTEGER)")
        assert tables(database_in_memory) == set()
        assert len(set(scratch.names.values())) == 2


@pytest.mark.databases("postgresql", "mysql")
def test_its_user_is_made_and_dropped(database):
    """It is the only one who has rights there, and it has no others."""
    question = {
        "postgresql": "SELECT current_user, rolsuper OR rolcreatedb OR rolcreaterole"
        " FROM pg_roles WHERE rolname = current_user",
        "mysql": "SELECT grantee, privilege_type <> 'USAGE'"
        " FROM information_schema.user_privileges",
    }
    with unchanged(database), Scratch([database]) as scratch:
        user = connections[database].settings_dict["USER"]
        ((name, has_more),) = run(database, question[database])
        assert user in name
        assert not has_more
        assert scratch.without_account == []
        scratch.copy("start")
        with scratch.copied("start"):
            assert connections[database].settings_dict["USER"] == user
            run(database, "CREATE TABLE a (id INTEGER)")
    assert user not in users(database)


def test_copies(database):
    with unchanged(database), Scratch([database]) as scratch:
        run(database, "CREATE TABLE a (id INTEGER)", "INSERT INTO a VALUES (1)")
        scratch.copy("start")
        run(database, "CREATE TABLE b (id INTEGER)")
        for _ in range(2):
            with scratch.copied("start"):
                assert tables(database) == {"a"}
                assert len(run(database, "SELECT id FROM a")) == 1
                run(database, "CREATE TABLE c (id INTEGER)", "DELETE FROM a")
            assert tables(database) == {"a", "b"}
            assert len(made(database)) == 2
        with pytest.raises(ValueError, match="inside"), scratch.copied("start"):
            raise ValueError("inside")
        assert tables(database) == {"a", "b"}


@pytest.mark.databases("mysql")
def test_no_copies_without_the_clients(database, monkeypatch):
    with unchanged(database), Scratch([database]) as scratch:
        monkeypatch.setenv("PATH", "")
        with pytest.raises(CannotCopyError, match="mysqldump") as caught:
            scratch.copy("start")
        assert caught.value.alias == database
        run(database, "CREATE TABLE a (id INTEGER)")


def test_a_transaction_is_refused(database):
    with transaction.atomic(using=database):
        with pytest.raises(InTransactionError) as caught, Scratch([database]):
            pass
        assert caught.value.alias == database
        run(database, "CREATE TABLE mine (id INTEGER)")
    with (
        Scratch([database]) as scratch,
        transaction.atomic(using=database),
        pytest.raises(InTransactionError),
    ):
        scratch.copy("start")


def test_there_is_no_such_alias_or_engine(database, capfd):
    with configured("dummy", ENGINE="django.db.backends.dummy"):
        for alias in ("nowhere", "dummy"):
            with (
                unchanged(database),
                pytest.raises(ScratchError) as caught,
                Scratch([database, alias]),
            ):
                pass
            assert caught.value.alias == alias
            assert alias in caught.value.error_text
    assert capfd.readouterr() == ("", "")


@pytest.mark.databases("postgresql", "mysql")
def test_there_is_no_server(database, capfd):
    settings = {**connections.settings[database], "HOST": "127.0.0.1", "PORT": "1"}
    with configured("down", **settings):
        with pytest.raises(ScratchError) as caught, Scratch(["down"]):
            pass
        assert caught.value.error_text
    assert capfd.readouterr() == ("", "")


@pytest.mark.databases("postgresql")
def test_there_is_no_permission(database, capfd):
    role = f"syzygy_{secrets.token_hex(4)}"
    run(database, f"CREATE ROLE {role} LOGIN PASSWORD 'a'")
    settings = {**connections.settings[database], "USER": role, "PASSWORD": "a"}
    try:
        with configured("weak", **settings), unchanged("weak"):
            with pytest.raises(ScratchError, match="denied") as caught:
                Scratch(["weak"]).__enter__()
            assert caught.value.alias == "weak"
    finally:
        run(database, f"DROP ROLE {role}")
    assert capfd.readouterr() == ("", "")


@pytest.mark.databases("postgresql")
def test_options_that_lead_elsewhere(database):
    settings = copy.deepcopy(connections.settings[database])
    settings["OPTIONS"] = {"dbname": settings["NAME"]}
    with (
        configured("fixed", **settings),
        pytest.raises(WrongDatabaseError),
        Scratch(["fixed"]),
    ):
        pass
    assert made(database) == set()


@pytest.mark.databases("postgresql")
def test_a_pool_is_left_alone(database):
    """It belongs to the alias, whatever the NAME, and has real connections."""
    settings = copy.deepcopy(connections.settings[database])
    settings["OPTIONS"] = {"pool": True, "application_name": "ours"}
    with configured("pooled", **settings), Scratch(["pooled"]):
        assert connections.settings["pooled"]["OPTIONS"] == {"application_name": "ours"}
        assert run("pooled", "SHOW application_name")[0][0] == "ours"


@pytest.mark.databases("postgresql", "mysql")
def test_options_for_tests_are_honoured(database):
    charset = {"postgresql": "SQL_ASCII", "mysql": "latin1"}[database]
    settings = copy.deepcopy(connections.settings[database])
    settings["TEST"] = {"CHARSET": charset}
    if database == "postgresql":
        settings["TEST"]["TEMPLATE"] = "template0"
    question = {
        "postgresql": "SHOW server_encoding",
        "mysql": "SELECT @@character_set_database",
    }
    with configured("with_charset", **settings), Scratch(["with_charset"]):
        assert run("with_charset", question[database])[0][0] == charset


@pytest.mark.databases("postgresql", "mysql")
def test_other_sessions_do_not_prevent_the_drop(database):
    with unchanged(database), Scratch([database]):
        run(database, "CREATE TABLE other (id INTEGER)")
        session = connections[database].copy()
        session.set_autocommit(False)
        with session.cursor() as cursor:
            cursor.execute("SELECT * FROM other")
    with pytest.raises(OperationalError), session.cursor() as cursor:
        cursor.execute("SELECT 1")
    with contextlib.suppress(Exception):
        session.close()


def test_receivers_are_called(database):
    seen = []

    def receiver(connection, **kwargs):
        seen.append(connection.settings_dict["NAME"])

    connection_created.connect(receiver)
    try:
        with Scratch([database]) as scratch:
            run(database, "SELECT 1")
    finally:
        connection_created.disconnect(receiver)
    assert scratch.names[database] in seen


def test_what_is_left_behind_is_named(database, monkeypatch):
    cls = type(creation.maker(database))
    drop = cls.drop
    scratch = Scratch([database]).__enter__()
    monkeypatch.setattr(cls, "drop", lambda *_: 1 / 0)
    with pytest.raises(LeftBehindError) as caught:
        scratch.__exit__(KeyError, KeyError("first"), None)
    monkeypatch.setattr(cls, "drop", drop)
    name = scratch.names[database]
    users = [each for each in caught.value.names if each != name]
    assert caught.value.names == [name, *users]
    # On PostgreSQL a user cannot be dropped before what is its own.
    assert len(users) == (connections[database].vendor == "postgresql")
    assert isinstance(caught.value.error, ZeroDivisionError)
    assert isinstance(caught.value.__cause__, KeyError)
    creation.maker(database).drop(name)
    for user in users:
        run(database, f"DROP ROLE {user}")
    assert made(database) == set()


def test_ctrl_c_during_the_drop_waits(database, monkeypatch):
    cls = type(creation.maker(database))
    drop = cls.drop

    def interrupted(self, name):
        os.kill(os.getpid(), signal.SIGINT)
        drop(self, name)

    monkeypatch.setattr(cls, "drop", interrupted)
    # The shell that started the tests may have it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with unchanged(database), pytest.raises(KeyboardInterrupt), Scratch([database]):
            pass
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_forked_process_drops_nothing(database):
    with Scratch([database]) as scratch:
        connections[database].close()
        child = os.fork()
        if not child:
            scratch.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        name = scratch.names[database]
        assert creation.maker(database).is_used_by(connections[database], name)
        run(database, "CREATE TABLE other (id INTEGER)")


def hold_copies(alias):
    """Tell the user of a copy, and wait: run in a process of its own."""
    import sys
    import time

    import django

    django.setup()
    from django.db import connections

    from syzygy_like.rehearsal.scratch.scratch import Scratch

    with Scratch([alias]) as scratch:
        with connections[alias].cursor() as cursor:
            cursor.execute("CREATE TABLE other (id INTEGER)")
        scratch.copy("start")
        with scratch.copied("start"):
            user = connections[alias].settings_dict["USER"]
            sys.stdout.write(f"{user}\n")
            sys.stdout.flush()
            time.sleep(60)


STOPPING = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def heed_signals():
    """Reset what the shell that started the tests may have ignored, as nohup does."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", STOPPING)
def test_a_process_that_is_stopped(database, number):
    before = made(database)
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    source = inspect.getsource(hold_copies)
    child = subprocess.Popen(
        [sys.executable, "-c", f"{source}\n{hold_copies.__name__}({database!r})"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )
    user = child.stdout.readline().strip()
    assert user in {"", *users(database)}
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert made(database) == before, err
    assert user not in users(database)
    if number != signal.SIGINT:
        assert (child.returncode, out, err) == (128 + number, "", "")


def test_what_we_rely_on_in_django():
    """_nodb_cursor yields a cursor; _clone_db takes two names and says by log."""
    assert inspect.isgeneratorfunction(inspect.unwrap(BaseDatabaseWrapper._nodb_cursor))
    assert [*inspect.signature(MySQLCreation._clone_db).parameters] == [
        "self",
        "source_database_name",
        "target_database_name",
    ]
    assert MySQLCreation.log


def test_what_stands_around_a_connection_in_django(database):
    """Wrappers are a list that stays, and the first of them is the outermost."""
    wrapper = connections[database].copy()
    called = []

    def wrap(name):
        def call(execute, *args):
            called.append(name)
            return execute(*args)

        return call

    wrapper.execute_wrappers.append(wrap("inner"))
    wrapper.execute_wrappers.insert(0, wrap("outer"))
    for _ in range(2):
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT 1")
        wrapper.close()
    assert called == ["outer", "inner"] * (len(called) // 2)
    assert len(called) >= 4
    quoted = wrapper.schema_editor().quote_value("it's")
    assert "it" in quoted
    assert quoted != "'it's'"
    wrapper.close()
