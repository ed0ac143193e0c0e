"""Marks of connections: where they come from, and what is read from them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest
from django.apps import apps
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from syzygy_like.management.migrate.messages import failed
from syzygy_like.safeguards.rollout import marks
from syzygy_like.safeguards.rollout.backends import Backend
from syzygy_like.safeguards.rollout.code_id import migration_names, this_code
from syzygy_like.safeguards.rollout.detection import (
    GRACE,
    QUIET,
    Detection,
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
)
from syzygy_like.safeguards.rollout.marks import UID, Mark, Way
from syzygy_like.safeguards.rollout.waiting import REMIND, RolloutAnnouncer
from tests.support.databases import forget
from tests.support.orders import ORDER
from tests.support.pgbouncer import registered
from tests.support.rollouts import marking, name_of, start_over

OLD, NEW = "0" * 8, "1" * 8


def test_the_code_is_known_by_what_django_would_load():
    loaded = MigrationLoader(None).disk_migrations
    assert sorted(migration_names()) == sorted(map(".".join, loaded))


def test_no_migration_is_imported_to_know_the_code(project):
    project.write_source("shop", "0001_initial", "raise AssertionError")
    project.write_source("shop", "_helper", "")
    (project.migrations("shop") / "data").mkdir()
    (project.migrations("shop") / "__init__.py").write_text("raise AssertionError")
    project.app("blog")
    (project.folder / "blog" / "migrations").mkdir()  # Django takes it for no package
    project.app("news")
    (project.folder / "news" / "migrations.py").touch()
    with project.active():
        names = set(migration_names())
    assert names == {"shop.0001_initial"}


def test_migrations_may_be_elsewhere(project):
    project.write("shop", "0001_initial", ORDER)
    project.write("old", "0001_initial")
    for module, expected in [
        ("old.migrations", {"shop.0001_initial", "old.0001_initial"}),
        ("old.nowhere", {"old.0001_initial"}),
        (None, {"old.0001_initial"}),
    ]:
        project.settings["MIGRATION_MODULES"] = {"shop": module}
        with project.active():
            assert set(migration_names()) == expected


def test_a_process_stays_the_code_that_it_was_started_with(project):
    project.write("shop", "0001_initial", ORDER)
    with marking():
        old = start_over(project)
        project.write("shop", "0002_more")
        with project.active():
            assert this_code() == old
        assert start_over(project) != old


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("", ""),
        ("web", "web"),
        ("w" * 63, "w" * 45),
        ("w\u00e9b\tx", "w?b?x"),
        ("web [syzygy~12345678]", "web"),
    ],
)
def test_a_name_with_a_mark_fits_and_is_read(name, kept):
    for way in Way:
        mark = Mark(NEW, way)
        marked = mark.on(name)
        assert len(marked) <= marks.LENGTH
        assert marked.isascii()
        assert marked.isprintable()
        assert marks.read(marked) == mark
        assert marks.bare(marked) == kept


def test_a_name_without_a_mark_has_none():
    assert marks.read("psql") is None
    assert marks.read("[syzygy]") is None
    assert marks.bare("psql") == "psql"


# What starts


@pytest.fixture
def config():
    yield apps.get_app_config("syzygy_like")
    connection_created.disconnect(dispatch_uid=UID)
    this_code.cache_clear()


def is_marking():
    return connection_created.disconnect(dispatch_uid=UID)


def test_connections_are_marked_only_with_the_setting(config):
    config.ready()
    assert not is_marking()
    with override_settings(MIGRATION_MARK_CONNECTIONS=True):
        config.ready()
    assert is_marking()


def test_nothing_of_it_is_imported_without_the_setting():
    code = (
        "import sys, django; django.setup()\n"
        "print('syzygy_like.safeguards.rollout' in sys.modules)\n"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ
    )
    assert run.stdout.strip() == "False", run.stderr


@pytest.mark.databases("sqlite", "postgresql", "mysql")
def test_a_mark_is_none_of_the_queries_that_a_project_counts(database):
    with marking():
        forget(database)
        with CaptureQueriesContext(connections[database]) as queries:
            connections[database].ensure_connection()
        assert len(queries) == 0
        if connections[database].vendor == "postgresql":
            assert name_of(database) == f"[syzygy {this_code()}]"
        forget(database)


@pytest.mark.databases("postgresql")
def test_what_a_pool_of_the_driver_opens_is_marked(database, config):
    pytest.importorskip("psycopg_pool")
    options = {"pool": {"min_size": 2, "max_size": 2}, "application_name": "web"}
    settings = {**connections.settings[database], "OPTIONS": options}
    with registered(f"{database}_pool", settings) as alias:
        with override_settings(MIGRATION_MARK_CONNECTIONS=True):
            config.ready()
        connection = connections[alias]
        try:
            connection.pool.open(wait=True)
            assert name_of(alias) == f"web [syzygy {this_code()}]"
            with connection.pool.connection() as unused:
                name = unused.info.parameter_status("application_name")
            assert name == f"web [syzygy:{this_code()}]"
            connection.close()
        finally:
            connection.close_pool()


# What is seen


BACKEND = Backend(
    pid=1,
    application="",
    role="shop",
    address=None,
    state="idle",
    age=1000.0,
    since=1000.0,
    has_worked=True,
    is_own=False,
)
DIRECT, POOLED, UNUSED = (Mark(OLD, way).on("web") for way in Way)
OWN = dataclasses.replace(
    BACKEND, pid=2, application=Mark(NEW, Way.DIRECT).on(""), is_own=True
)
# It is of the pooler at "pooler", whatever else there is.
THROUGH = dataclasses.replace(
    BACKEND, pid=3, application=Mark(NEW, Way.POOLED).on(""), address="pooler"
)


def is_other(pooler=True, ignored=(), **values):
    """Tell whether a session keeps a roll-out from being complete."""
    found = Detection(NEW, list(ignored), keeps=True, wait=600, now=0)
    backend = dataclasses.replace(BACKEND, **values)
    found.observe([backend, OWN, *[THROUGH] * pooler], now=1)
    return found.others == (backend,)


AT_POOLER = {"address": "pooler"}
HIDDEN = {"state": None, "age": None, "since": None, "has_worked": False}
SETTING_UP = {"has_worked": False, "age": GRACE / 2}


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        (True, {"application": DIRECT}),
        (False, {"application": DIRECT, "ignored": ["w?b"]}),
        (True, {"application": DIRECT, "ignored": ["psql"]}),
        (True, {"application": DIRECT, **HIDDEN}),
        (False, {"application": POOLED}),
        (True, {"application": POOLED, "state": "active"}),
        (True, {"application": POOLED, "state": "idle in transaction"}),
        (True, {"application": POOLED, "since": QUIET / 2}),
        (True, {"application": POOLED, "state": "disabled", "since": None}),
        (True, {"application": POOLED, **HIDDEN}),
        (True, {"application": UNUSED, "has_worked": False}),
        (False, {"application": UNUSED, **AT_POOLER, "has_worked": False}),
        (True, {"application": "psql"}),
        (True, {"application": "psql", **HIDDEN}),
        (False, {"application": "psql", "role": "somebody"}),
        (False, {"application": "psql", "ignored": ["psql"]}),
        (False, {"application": "", **SETTING_UP}),
        (True, {"application": "", "has_worked": False}),
        (False, {"application": "", **AT_POOLER}),
        (True, {"application": "", **AT_POOLER, "pooler": False}),
        (True, {"application": "", **AT_POOLER, "since": QUIET / 2}),
        (False, {"application": "", **AT_POOLER, "has_worked": False, "since": 1.0}),
        (False, {"application": Mark(NEW, Way.DIRECT).on("web")}),
        (False, {"application": Mark(NEW, Way.POOLED).on("web"), "state": "active"}),
    ],
)
def test_who_may_be_old_code(expected, values):
    assert is_other(**values) is expected


def watched(keeps, wait, *looks):
    """Return a watch after some looks, at which old code was there or not."""
    found = Detection(NEW, [], keeps, wait, now=0)
    old = dataclasses.replace(BACKEND, application=DIRECT)
    for now, is_there in looks:
        found.observe([OWN, *[old] * is_there], now)
    return found


def test_the_watch_begins_anew_whenever_old_code_is_seen():
    assert not watched(False, 600, (0, False), (QUIET - 1, False)).is_over
    assert watched(False, 600, (0, False), (QUIET, False)).is_over
    seen = watched(False, 600, (0, False), (QUIET - 1, True), (QUIET, False))
    assert not seen.is_over
    assert seen.ago == 1
    assert seen.last
    seen.observe([OWN], 2 * QUIET - 1)
    assert seen.is_over


def test_it_watches_no_longer_than_it_may():
    assert not watched(False, 30, (0, False), (14, False)).is_over
    assert watched(False, 30, (0, False), (15, False)).is_over
    assert watched(False, 0, (0, False)).is_over
    assert not watched(False, 0, (0, True)).is_over


def test_old_code_that_goes_at_once_can_be_waited_for_briefly():
    assert watched(False, 15, (0, True), (1, False), (8, False)).is_over
    assert not watched(False, 15, (0, True), (8, True), (15, False)).is_over


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            [""],
            " project's. To ignore one without a name, give it an application_name.",
        ),
        (
            ["psql"],
            " project's. In the second case: MIGRATION_ROLLOUT_IGNORE = ['psql']",
        ),
        (["", "psql"], " = ['psql']. To ignore one without a name,"),
        (["[x] *"], " = ['[[]x] [*]']"),
    ],
)
def test_whom_to_ignore_is_proposed_by_name_only(names, expected):
    others = tuple(dataclasses.replace(BACKEND, application=each) for each in names)
    text = failed(RolloutUnfinishedError("default", NEW, 0, 0, others))
    assert expected in text
    assert "''" not in text


def test_connections_that_are_kept_open_need_no_watch():
    assert watched(True, 600, (0, True), (1, False)).is_over
    found = watched(True, 600, (0, False))
    found.observe([OWN, THROUGH], now=1)
    assert not found.is_over
    assert found.count == 1


def test_what_was_at_work_behind_a_pooler_counts_from_then():
    found = Detection(NEW, [], True, 600, now=0)
    old = dataclasses.replace(BACKEND, application=POOLED, since=10.0)
    found.observe([OWN, old], now=100)
    found.observe([OWN, THROUGH], now=101)
    assert found.ago == 11
    assert not found.is_over
    assert found.ago < QUIET


def test_what_was_told_is_not_told_again_and_again():
    told = []
    announcer = RolloutAnnouncer("default", told.append)
    found = Detection(NEW, [], True, 600, now=0)
    first, other = DIRECT, Mark(OLD, Way.DIRECT).on("worker")
    looks = [
        (100, {4: first, 5: first}, True),
        (101, {6: first}, False),  # another one of the kind
        (102, {4: first, 5: first}, False),
        (103, {4: first}, True),  # one less
        (104, {4: first, 7: other}, True),  # another kind
        (105, {8: other}, False),
        (104 + REMIND, {8: other}, True),
    ]
    for now, names, is_told in looks:
        backends = [
            dataclasses.replace(BACKEND, pid=pid, application=name)
            for pid, name in names.items()
        ]
        found.observe([OWN, *backends], now)
        before = len(told)
        announcer.tell(found)
        assert len(told) - before == is_told, now
        assert not is_told or told[-1] == OthersSeen("default", tuple(backends))
    found.observe([OWN], now=200)
    announcer.tell(found)
    assert isinstance(told[-1], RolledOut)
