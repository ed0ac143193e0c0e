"""Parties that meet in a cache, and what keeps what they say."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.management import call_command
from django.db import migrations, models
from django.test import override_settings

from syzygy_like.safeguards.quorum import cache_store, participant
from syzygy_like.safeguards.quorum.database_store import TABLE
from syzygy_like.safeguards.quorum.meeting import Meetings, Member
from syzygy_like.safeguards.quorum.store import store_for
from tests.support.databases import forget
from tests.support.orders import execute, refused
from tests.support.parties import SHORT_SILENCE, Parties, remove_meetings, wait_until
from tests.support.projects import applied, tables

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
SETTING = "MIGRATION_QUORUM_CACHE"
PK = ("id", models.BigAutoField(primary_key=True))
BACKENDS = "django.core.cache.backends"
on_postgresql = pytest.mark.databases("postgresql")


@pytest.fixture
def client():
    """Return a client of Redis, if it answers."""
    redis = pytest.importorskip("redis")
    with redis.Redis.from_url(REDIS) as client:
        try:
            client.ping()
        except redis.exceptions.ConnectionError as error:
            pytest.skip(f"no Redis at {REDIS}: {error}")
        yield client


@pytest.fixture
def in_redis(client):
    """Return settings with a cache in Redis that nobody else uses."""
    prefix = f"syzygy-{secrets.token_hex(8)}"
    cache = {
        "BACKEND": f"{BACKENDS}.redis.RedisCache",
        "LOCATION": REDIS,
        "KEY_PREFIX": prefix,
    }
    yield {"CACHES": {"quorum": cache}, SETTING: "quorum"}
    for key in client.scan_iter(f"{prefix}:*"):
        client.delete(key)


@pytest.fixture
def parties(project, database):
    project.write("shop", "0001_initial", migrations.CreateModel("Order", [PK]))
    found = Parties(project, database)
    found.write("first()")
    yield found
    found.end()
    remove_meetings(database)


def keys(client, settings):
    prefix = settings["CACHES"]["quorum"]["KEY_PREFIX"]
    return [*client.scan_iter(f"{prefix}:*")]


def ends(*several):
    return [each.ends() for each in several]


def test_parties_meet_in_redis(parties, database, in_redis, client):
    parties.project.settings = in_redis
    several = parties.start_all()
    assert ends(*several) == [0, 0, 0]
    assert parties.times == 1
    assert applied(database) == ["shop.0001_initial", "shop.0002_work"]
    assert TABLE not in tables(database)
    assert keys(client, in_redis) == []


@on_postgresql
def test_another_goes_on_if_the_leader_is_killed(parties, database, in_redis):
    parties.project.settings = in_redis
    parties.silence = SHORT_SILENCE
    parties.write("if first():\n    os.kill(os.getpid(), signal.SIGKILL)")
    assert sorted(ends(*parties.start_all())) == [-signal.SIGKILL, 0, 0]
    assert applied(database) == ["shop.0001_initial", "shop.0002_work"]


@on_postgresql
def test_votes_that_are_evicted_are_missed(parties, in_redis, client):
    parties.project.settings = in_redis
    first = parties.start("a")
    first.says("Party a is here: 1 of 3.")

    def evict():
        for key in keys(client, in_redis):
            client.delete(key)
        return first.has_ended()

    # It may put back what it has just read.
    assert wait_until(evict)
    assert first.ends() == 1
    assert "The votes of the quorum were evicted from the cache 'quorum'" in first.said


@on_postgresql
def test_parties_meet_in_the_database_cache(parties, database):
    backend = {"BACKEND": f"{BACKENDS}.db.DatabaseCache", "LOCATION": "cached"}
    parties.project.settings = {"CACHES": {"quorum": backend}, SETTING: "quorum"}
    router = "tests.safeguards.test_quorum_cache_store.Router"
    parties.project.settings["DATABASE_ROUTERS"] = [router]
    with override_settings(**parties.project.settings):
        call_command("createcachetable", database=database)
    assert ends(*parties.start_all()) == [0, 0, 0]
    assert parties.times == 1
    assert execute(database, "SELECT * FROM cached") == []


class Router:
    """Has the cache in PostgreSQL, and everything else there, too."""

    def db_for_read(self, model, **hints):
        return "postgresql"

    db_for_write = db_for_read


@on_postgresql
@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("LocMemCache", f"{BACKENDS}.locmem.LocMemCache"),
        ("DummyCache", f"{BACKENDS}.dummy.DummyCache"),
        ("FileBasedCache", f"{BACKENDS}.filebased.FileBasedCache"),
    ],
)
def test_a_cache_in_which_nobody_meets_is_refused(
    parties, database, tmp_path, name, backend
):
    cache = {"BACKEND": backend, "LOCATION": str(tmp_path)}
    parties.project.settings = {"CACHES": {"x": cache}, SETTING: "x"}
    text = refused(parties.project, "migrate", quorum=1, database=database)
    assert f"{SETTING} is 'x', a {name}. Processes cannot find" in text
    assert applied(database) == []


@on_postgresql
def test_a_cache_that_is_not_configured_is_refused(parties, database):
    parties.project.settings = {SETTING: "x"}
    text = refused(parties.project, "migrate", quorum=1, database=database)
    assert text.startswith(
        f"{SETTING} is 'x', which is not a valid value. Use an alias that "
    )


class Clientless(BaseCache):
    """A cache whose client is not installed, as is seen when it is used."""

    def __init__(self, location, params):
        super().__init__(params)

    def get(self, key, default=None, version=None):
        raise ModuleNotFoundError("No module named 'redis'")


@on_postgresql
@pytest.mark.parametrize(
    ("backend", "why"),
    [
        ("nowhere.Cache", "Could not find backend 'nowhere.Cache'"),
        (
            "tests.safeguards.test_quorum_cache_store.Clientless",
            "No module named 'redis'",
        ),
    ],
)
def test_a_cache_that_cannot_be_imported_is_refused(parties, database, backend, why):
    parties.project.settings = {"CACHES": {"x": {"BACKEND": backend}}, SETTING: "x"}
    text = refused(parties.project, "migrate", quorum=1, database=database)
    assert f"The parties of the quorum cannot meet in the cache 'x': {why}" in text


class Forgetful(BaseCache):
    """A cache that keeps nothing but locks."""

    locks = {}

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, key, value, timeout=None, version=None):
        return self.locks.setdefault(key, value) == value

    def get(self, key, default=None, version=None):
        return self.locks.get(key, default)

    def set(self, key, value, timeout=None, version=None):
        """Forget it."""

    def delete(self, key, version=None):
        self.locks.pop(key, None)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(participant, "INTERVAL", 0.02)
    monkeypatch.setattr(participant, "SILENCE", 0.1)
    monkeypatch.setattr(participant, "FAREWELL", 0.1)
    monkeypatch.setattr(cache_store, "LOCKED", 0.05)


@on_postgresql
def test_a_cache_that_forgets_is_refused(parties, database, impatient):
    cache = {"BACKEND": "tests.safeguards.test_quorum_cache_store.Forgetful"}
    parties.project.settings = {"CACHES": {"x": cache}, SETTING: "x"}
    text = refused(parties.project, "migrate", quorum=1, database=database)
    assert "cannot meet in the cache 'x': it does not keep the values that" in text


@on_postgresql
def test_a_lock_that_is_not_given_back_is_told(parties, database, impatient):
    cache = {"BACKEND": "tests.safeguards.test_quorum_cache_store.Forgetful"}
    parties.project.settings = {"CACHES": {"x": cache}, SETTING: "x"}
    with override_settings(**parties.project.settings):
        lock = store_for(database).lock
    Forgetful.locks[lock] = "another's"
    try:
        text = refused(parties.project, "migrate", quorum=1, database=database)
    finally:
        Forgetful.locks.clear()
    assert "another process has its lock and does not release it" in text


@on_postgresql
def test_a_cache_that_does_not_answer_is_told(parties, database, impatient):
    pytest.importorskip("redis")
    cache = {
        "BACKEND": f"{BACKENDS}.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:1",
    }
    parties.project.settings = {"CACHES": {"x": cache}, SETTING: "x"}
    text = refused(parties.project, "migrate", quorum=1, database=database)
    assert "The parties of the quorum cannot meet in the cache 'x': " in text


def arrive(store, name):
    """Let a party arrive."""
    member = Member(name, name, 2)
    store.change(lambda found: found.arrive("this", member, name))


def arrive_in_a_process(database, number):
    child = os.fork()
    if child:
        return child
    try:
        with contextlib.closing(store_for(database)) as store:
            for each in range(10):
                arrive(store, f"{number}-{each}")
        os._exit(0)
    finally:
        os._exit(1)


def assert_keeps_all(database):
    """Assert that no change is lost where several processes make them at once."""
    forget(database)
    children = [arrive_in_a_process(database, number) for number in range(3)]
    assert [os.waitpid(each, 0)[1] for each in children] == [0, 0, 0]
    with contextlib.closing(store_for(database)) as store:
        (meeting,) = store.change(lambda each: each).meetings
        assert len(meeting.members) == 30
        assert store.change(lambda each: Meetings()) == Meetings()
    remove_meetings(database)


def test_no_change_to_the_table_is_lost(database):
    assert_keeps_all(database)


@on_postgresql
def test_no_change_to_the_cache_is_lost(database, in_redis):
    with override_settings(**in_redis):
        assert_keeps_all(database)
        caches.close_all()
