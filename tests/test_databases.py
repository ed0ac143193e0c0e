from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.apps.registry import Apps
from django.db import connection, connections, models
from django.db.migrations.recorder import MigrationRecorder

from tests.support.databases import ALIASES, Databases, Unavailable, missing


def test_the_vendor_answers(database, request):
    vendor = request.node.callspec.params["database"]
    assert connections[database].vendor == vendor
    assert ALIASES[vendor] == database
    with connections[database].cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.databases("sqlite", "mysql")
def test_the_mark_restricts_the_vendors(database):
    assert database in ("default", "mysql")


REGISTRY = Apps()


class Parent(models.Model):
    class Meta:
        app_label = "databases"
        apps = REGISTRY


class Child(models.Model):
    parent = models.ForeignKey(Parent, on_delete=models.CASCADE)

    class Meta:
        app_label = "databases"
        apps = REGISTRY
        db_table = "Child table"


@pytest.mark.parametrize("turn", [1, 2])
def test_a_database_is_empty_whatever_was_left_there(database, turn):
    assert connections[database].introspection.table_names() == []
    MigrationRecorder(connections[database]).ensure_schema()
    with connections[database].schema_editor() as editor:
        editor.create_model(Parent)
        editor.create_model(Child)
    with connections[database].cursor() as cursor:
        cursor.execute("CREATE VIEW a_view AS SELECT 1 AS one")
    assert len(connections[database].introspection.table_names()) == 3


def test_a_test_may_end_inside_a_transaction(database):
    connections[database].set_autocommit(False)
    with connections[database].cursor() as cursor:
        cursor.execute("CREATE TABLE unfinished (id integer)")


def test_a_process_that_a_test_starts_sees_the_same_database(database):
    MigrationRecorder(connections[database]).ensure_schema()
    code = (
        "import django; django.setup()\n"
        "from django.db import connections\n"
        f"print(connections[{database!r}].introspection.table_names())\n"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True
    )
    assert run.stdout == "['django_migrations']\n", run.stderr


def test_elsewhere_the_database_stays_blocked():
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        connection.cursor()


def unavailable(databases, vendor):
    with pytest.raises(Unavailable) as caught:
        databases.alias(vendor)
    return str(caught.value)


def test_a_server_that_does_not_answer_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setenv("PGHOST", str(tmp_path))
    monkeypatch.setenv("MYSQL_HOST", "127.0.0.1")
    monkeypatch.setenv("MYSQL_PORT", "1")
    databases = Databases(tmp_path)
    assert str(tmp_path) in unavailable(databases, "postgresql")
    assert "127.0.0.1" in unavailable(databases, "mysql")
    # The reason is remembered, not looked for again.
    assert databases.made == {}
    assert set(databases.unavailable) == {"postgresql", "mysql"}
    assert str(tmp_path) in unavailable(databases, "postgresql")


@pytest.mark.parametrize("value", ["", "0", None])
def test_a_missing_database_is_a_visible_skip(monkeypatch, value):
    monkeypatch.delenv("SYZYGY_REQUIRE_DATABASES", raising=False)
    if value is not None:
        monkeypatch.setenv("SYZYGY_REQUIRE_DATABASES", value)
    with pytest.raises(pytest.skip.Exception, match="no mysql database: it sleeps"):
        missing("mysql", "it sleeps")


def test_a_missing_database_fails_where_all_are_required(monkeypatch):
    monkeypatch.setenv("SYZYGY_REQUIRE_DATABASES", "1")
    with pytest.raises(pytest.fail.Exception, match="no mysql database: it sleeps"):
        missing("mysql", "it sleeps")
