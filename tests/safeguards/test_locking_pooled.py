"""The lock of a database behind PgBouncer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from django.db import connections, migrations, transaction
from django.test import override_settings

from syzygy_like.safeguards.connections import ask, own_connection
from syzygy_like.safeguards.locking.lock import PooledError
from syzygy_like.safeguards.locking.vendors import lock_for
from syzygy_like.safeguards.poolers import is_pooled
from tests.support.orders import PK, PRE, execute, refused
from tests.support.pgbouncer import pooled
from tests.support.projects import applied
from tests.support.rivals import is_free, rival

DOCS = Path(__file__).parents[2] / "docs"
PAGE = " ".join((DOCS / "how-to" / "one-at-a-time.rst").read_text().split())
pytestmark = pytest.mark.databases("postgresql")

# Ways in which a pooler may choose among its sessions.
LAST, IN_TURN = {}, {"server_round_robin": 1}


@pytest.fixture
def shop(project):
    """Return a project with a migration to apply."""
    project.write("shop", "0001", migrations.CreateModel("Order", [PK]))
    return project


@contextlib.contextmanager
def kept_by(alias):
    with override_settings(MIGRATION_LOCK_DATABASE=alias):
        yield


def migrate(shop, alias, *arguments):
    shop.migrate(PRE, *arguments, database=alias, migration_lock_wait="0", verbosity=0)


def open_sessions(alias):
    """Let the pooler have two sessions to choose from."""
    own = own_connection(connections[alias])
    with contextlib.closing(own), transaction.atomic(using=alias):
        execute(alias, "SELECT 1")
        ask(own, "SELECT 1")


@pytest.mark.parametrize("settings", [LAST, IN_TURN], ids=["last", "in-turn"])
def test_who_has_no_session_is_told_what_to_do(shop, database, settings):
    with pooled(database, **settings) as alias:
        open_sessions(alias)
        text = refused(shop, "migrate", PRE, database=alias)
    assert text == (
        f"The database {alias!r} is behind a pooler that keeps no session, so no "
        "session can hold a lock.\nFix: set MIGRATION_LOCK_DATABASE to an alias that "
        "connects to the server directly, or give --no-migration-lock. "
        "See docs/how-to/one-at-a-time.rst."
    )
    assert " ".join(text.replace(alias, "default").split()) in PAGE
    assert applied(database) == []
    assert is_free(database)


def test_the_lock_can_be_had_directly(shop, database):
    with pooled(database) as alias, kept_by(database):
        with rival(alias):
            for other in (alias, database):
                text = refused(
                    shop, "migrate", PRE, "--migration-lock-wait=0", database=other
                )
                assert "Another run migrates" in text
        migrate(shop, alias)
    assert applied(database) == ["shop.0001"]


def test_each_alias_can_have_an_alias_of_its_own(shop, database):
    with pooled(database) as alias, kept_by({alias: database}):
        with rival(database):
            text = refused(
                shop, "migrate", PRE, "--migration-lock-wait=0", database=alias
            )
            assert "Another run migrates" in text
        migrate(shop, alias)
    assert applied(database) == ["shop.0001"]


def test_an_alias_that_goes_through_the_pooler_too_is_no_way_out(shop, database):
    with pooled(database) as alias, kept_by(alias):
        text = refused(shop, "migrate", PRE, database=database)
        assert f"The database {alias!r} is behind a pooler" in text
    assert applied(database) == []


def test_a_run_can_do_without_it(shop, database):
    with pooled(database) as alias:
        migrate(shop, alias, "--no-migration-lock")
    assert applied(database) == ["shop.0001"]


def test_a_pooler_of_sessions_keeps_it(shop, database):
    with pooled(database, "session") as alias:
        with rival(alias):
            text = refused(
                shop, "migrate", PRE, "--migration-lock-wait=0", database=alias
            )
            assert "Another run migrates" in text
        migrate(shop, alias)
    assert applied(database) == ["shop.0001"]
    assert is_free(database)


def test_a_pooler_of_sessions_needs_two_of_them(shop, database):
    """One for the migrations, one for the lock; to tell what it is takes no more."""
    with pooled(database, "session", default_pool_size=2) as alias:
        migrate(shop, alias)
    assert applied(database) == ["shop.0001"]


@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
def test_it_is_told_what_a_pooler_shares(database, mode):
    with pooled(database, mode) as alias:
        connection = connections[alias]
        assert is_pooled(connection) == (mode != "session")
        with contextlib.closing(own_connection(connection)) as other:
            assert is_pooled(connection, other) == (mode != "session")


def test_a_server_is_no_pooler(database):
    assert not is_pooled(connections[database])


def test_a_lock_that_another_session_has_got_is_none(database):
    """Even where a pooler could not be told from a server."""
    with pooled(database, **IN_TURN) as alias:
        open_sessions(alias)
        with contextlib.closing(lock_for(alias)) as lock:
            lock.is_ready = True
            with pytest.raises(PooledError):
                lock.acquire()
