"""migrate --wait-for-rollout: what is connected to the database, and what is not."""

from __future__ import annotations

import contextlib
import io
import re
import time

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from syzygy_like.management.migrate.messages import failed
from syzygy_like.safeguards.rollout import detection, waiting
from syzygy_like.safeguards.rollout.backends import BehindPoolerError
from syzygy_like.safeguards.rollout.detection import OthersSeen, RolledOut, Watching
from syzygy_like.safeguards.rollout.waiting import wait_for_rollout
from tests.support.databases import forget, scratch_name
from tests.support.orders import INITIAL, POST, TABLE, execute, remove, started, write
from tests.support.pgbouncer import pooled, registered
from tests.support.projects import columns
from tests.support.rollouts import SECONDS, marking, name_of, serving, start_over

WAIT = "--wait-for-rollout"
postgresql = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(detection, "QUIET", 0.2)
    monkeypatch.setattr(waiting, "POLL", 0.02)


@pytest.fixture
def marked():
    with marking():
        yield


@pytest.fixture
def shop(project, database, marked):
    """Return a project whose first migration is applied, by the code now serving."""
    started(project, database)
    project.settings["MIGRATION_MARK_CONNECTIONS"] = True
    return project


def new_code(project, *aliases):
    """Give the project another migration, for after the deploy; be its code."""
    write(project, remove("note"))
    return start_over(project, *aliases)


def eventually(is_so):
    """Return as soon as something is so that another process does."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refusal(project, database, wait=0):
    with pytest.raises(CommandError) as caught:
        project.migrate(POST, WAIT, str(wait), database=database, verbosity=0)
    assert {*columns(database, "shop_order")} == INITIAL
    return str(caught.value)


class Terminal(io.StringIO):
    """Does something when it is told a text."""

    def __init__(self, text, action):
        super().__init__()
        self.text, self.action = text, action

    def write(self, text):
        if self.text in text:
            self.action()
        return super().write(text)


@postgresql
def test_old_code_is_listed_and_nothing_applied(shop, database):
    with serving(shop, database) as old:
        [(pid, name)] = old.execute(
            "SELECT pg_backend_pid(), current_setting('application_name')"
        )
        code = new_code(shop, database)
        text = refusal(shop, database)
    assert f"Another version than this one, {code}, may be connected to" in text
    assert code not in name
    assert f'pid {pid}, "{name}", role ' in text
    assert ", local, idle for " in text
    assert f"pg_terminate_backend({pid})" in text
    assert "MIGRATION_ROLLOUT_IGNORE" not in text


@postgresql
def test_it_goes_on_as_soon_as_old_code_has_gone(shop, database):
    with serving(shop, database) as old:
        new_code(shop, database)
        out = Terminal("Waiting until no other version is connected", old.stop)
        with shop.active():
            options = {"database": database, "stdout": out}
            call_command("migrate", POST, WAIT, f"{SECONDS}s", **options)
    assert "No other version is connected" in out.getvalue()
    assert out.getvalue().count("Waiting until") == 1
    assert {*columns(database, "shop_order")} == INITIAL - {"note"}


@postgresql
def test_new_code_is_counted_and_not_waited_for(shop, database):
    new_code(shop, database)
    with serving(shop, database), serving(shop, database):
        out = shop.migrate(POST, WAIT, "0", database=database)
    (count,) = re.findall(
        r"No other version is connected \(connections of this one: (\d+)\)", out
    )
    assert int(count) >= 2
    assert "has been seen for" not in out


@postgresql
def test_what_has_no_mark_may_be_old_code(shop, database):
    new_code(shop, database)
    with serving(shop, database, marks=False) as old:
        old.execute("SET application_name = 'psql of mine'")
        old.execute("SELECT 'at work'")
        text = refusal(shop, database)
        assert '"psql of mine", role' in text
        assert "MIGRATION_ROLLOUT_IGNORE = ['psql of mine']" in text
        shop.settings["MIGRATION_ROLLOUT_IGNORE"] = ["psql*"]
        assert "shop.0002" in shop.migrate(POST, WAIT, "0", database=database)


@contextlib.contextmanager
def role(database):
    """Yield an alias that logs in as a role which may see nothing of others."""
    name = scratch_name()  # roles are the server's
    execute(database, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    try:
        login = {"USER": name, "PASSWORD": name}
        config = {**connections.settings[database], **login}
        with registered(f"{database}_poor", config) as alias:
            yield alias
    finally:
        execute(database, f"DROP ROLE {name}")


@postgresql
def test_roles_that_are_none_of_the_projects_do_not_matter(shop, database):
    with role(database) as poor, serving(shop, poor, marks=False):
        new_code(shop, database)
        out = shop.migrate(POST, WAIT, "0", database=database)
    assert "No other version is connected" in out


@postgresql
def test_it_says_what_a_role_cannot_see(shop, database):
    told = []
    with (
        role(database) as poor,
        serving(shop, database),
        serving(shop, database, marks=False),
    ):
        new_code(shop, database, poor)
        with shop.active(), pytest.raises(detection.RolloutUnfinishedError) as caught:
            wait_for_rollout(poor, 0, told.append)
    (seen,) = told
    # The role of those with a mark is the project's, of whatever code.
    old, other = seen.backends
    assert (old.mark is None) != (other.mark is None)
    assert not old.is_visible
    text = failed(caught.value)
    assert "the rest is hidden" in text
    assert "pg_read_all_stats" in text


@postgresql
def test_where_connections_come_and_go_it_watches(shop, database):
    new_code(shop, database)
    told = []
    with shop.active():
        wait_for_rollout(database, SECONDS, told.append)
    assert [type(each) for each in told] == [Watching, RolledOut]
    assert not told[0].pooled


@postgresql
def test_where_connections_stay_one_look_will_do(shop, database, monkeypatch):
    new_code(shop, database)
    monkeypatch.setitem(connections.settings[database], "CONN_MAX_AGE", None)
    told = []
    with shop.active():
        wait_for_rollout(database, SECONDS, told.append)
    (event,) = told
    assert event.seconds == 0


@postgresql
def test_old_code_is_seen_at_work_through_a_pooler(shop, database):
    """Its session stays with the pooler when it has gone, and its name, too."""
    told = []

    def tell(event):
        if isinstance(event, OthersSeen):
            old.execute("COMMIT")
            old.stop()
        told.append(event)

    with pooled(database, default_pool_size=1) as alias:
        shop.settings["MIGRATION_LOCK_DATABASE"] = database
        start_over(shop, alias, database)
        with serving(shop, alias) as old:
            [(name,)] = old.execute("SELECT current_setting('application_name')")
            assert "[syzygy~" in name
            old.execute("BEGIN")
            new_code(shop, database)
            with shop.active():
                wait_for_rollout(database, SECONDS, tell)
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        assert execute(database, left, name) == [(1,)]
    assert told[0].backends[0].application == name
    assert isinstance(told[-1], RolledOut)
    assert told[-1].pooled


@postgresql
def test_it_looks_around_the_pooler(shop, database):
    """Looking through it would give the one session there is a name of our own."""
    with pooled(database, default_pool_size=1) as alias:
        new_code(shop, alias, database)
        shop.settings["MIGRATION_LOCK_DATABASE"] = database
        out = shop.migrate(POST, WAIT, f"{SECONDS}s", database=alias)
    assert "connections go through a pooler" in out
    assert "Idle clients of a pooler cannot be seen." in out


@postgresql
@pytest.mark.parametrize("name", ["postgres", None])
def test_without_a_way_around_the_pooler_it_is_refused(shop, database, name):
    config = {**connections.settings[database], "NAME": name}
    with (
        pooled(database) as alias,
        registered("elsewhere", config)
        if name
        else contextlib.nullcontext(alias) as to,
    ):
        new_code(shop, alias)
        shop.settings["MIGRATION_LOCK_DATABASE"] = to
        with shop.active(), pytest.raises(BehindPoolerError) as caught:
            wait_for_rollout(alias, 0, [].append)
    text = failed(caught.value)
    assert "is behind a pooler" in text
    assert ("does not connect to the" in text) is (name is not None)


@postgresql
def test_each_client_of_a_pooler_has_its_own_name(shop, database):
    with pooled(database, default_pool_size=1) as alias:
        start_over(shop, alias, database)
        # Of two with the same name, too.
        with serving(shop, alias), serving(shop, alias) as old:
            new = new_code(shop, alias)
            ask = "SELECT pg_backend_pid(), current_setting('application_name')"
            for _ in range(2):
                [(ours, our_name)] = execute(alias, ask)
                [(theirs, their_name)] = old.execute(ask)
                assert ours == theirs
                assert new in our_name
                assert new not in their_name
        forget(alias)


@postgresql
def test_sessions_that_a_pooler_keeps_do_not_matter(shop, database):
    """In session mode it clears them: they have no mark then."""
    with pooled(database, "session") as alias:
        start_over(shop, alias, database)
        with serving(shop, alias), serving(shop, alias):
            new_code(shop, alias)
        kept = "SELECT pid FROM pg_stat_activity WHERE query = 'DISCARD ALL'"
        eventually(lambda: len(execute(database, kept)) >= 2)
        forget(database)
        out = shop.migrate(POST, WAIT, "0", database=alias)
    assert "No other version is connected" in out


@pytest.mark.databases("sqlite", "mysql")
def test_other_databases_are_refused(project, database):
    started(project, database)
    project.settings["MIGRATION_MARK_CONNECTIONS"] = True
    write(project, remove("note"))
    text = refusal(project, database)
    assert f"The database {database!r} is not PostgreSQL" in text


@postgresql
def test_without_marks_it_is_refused(project, database):
    started(project, database)
    write(project, remove("note"))
    assert "MIGRATION_MARK_CONNECTIONS = True" in refusal(project, database)
    # It is too late for this process.
    project.settings["MIGRATION_MARK_CONNECTIONS"] = True
    assert "from their start" in refusal(project, database)


@pytest.mark.databases("sqlite")
def test_with_nothing_to_apply_nothing_is_asked(project, database):
    started(project, database)
    out = project.migrate(POST, WAIT, database=database)
    assert "No migrations to apply" in out
    assert TABLE not in out


@postgresql
def test_a_name_stays_but_for_what_does_not_fit(shop, database):
    name = "web of " + "x" * 60
    options = {"application_name": name}
    config = {**connections.settings[database], "OPTIONS": options}
    with registered(f"{database}_named", config) as alias:
        code = start_over(shop, alias)
        assert name_of(alias) == f"{name[:45]} [syzygy {code}]"
    assert options == {"application_name": name}


@postgresql
def test_a_mark_outlives_a_transaction_that_is_undone(shop, database, monkeypatch):
    code = start_over(shop, database)
    monkeypatch.setitem(connections.settings[database], "AUTOCOMMIT", False)
    forget(database)
    with contextlib.closing(connections[database].copy()) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            connection.rollback()
            cursor.execute("SHOW application_name")
            assert cursor.fetchone() == (f"[syzygy {code}]",)
        connection.rollback()
