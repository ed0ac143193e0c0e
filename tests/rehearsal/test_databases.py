"""Rehearsals on several databases, and with routers."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections, migrations

from syzygy_like import Stage
from tests.rehearsal.test_scratch import configured, made
from tests.support.orders import ORDER, PK, add, execute, refused, remove
from tests.support.projects import applied
from tests.support.rehearsals import rehearse, run

ROUTER = """
class Router:
    def allow_migrate(self, db, app_label, **hints):
        if app_label in ("shop", "blog"):
            return (db == "other") == (app_label == "blog")
"""
READING = """
from django.db import connections, migrations

def read(apps, schema_editor):
    connections["other"].cursor()

class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(read, migrations.RunPython.noop)]
"""
POST = migrations.CreateModel("Post", [PK, *ORDER.fields[1:]])

pytestmark = pytest.mark.databases("sqlite", "postgresql")


@pytest.fixture
def shop(project, database):
    """A project with an app on each of two databases of a vendor."""
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002", add("size"))
    project.write("blog", "0001_initial", POST)
    project.write("blog", "0002", migrations.RemoveField("post", "note"))
    (project.folder / "routing.py").write_text(ROUTER)
    project.settings = {"DATABASE_ROUTERS": ["routing.Router"]}
    settings = {**connections.settings[database]}
    if database == DEFAULT_DB_ALIAS:
        settings["NAME"] = str(project.folder / "other.sqlite3")
    else:
        settings["NAME"] += "_other"
    with configured("other", **settings):
        yield project


START = ["shop.0001", "blog.0001"]


def test_each_has_its_own_apps(shop, database):
    found = rehearse(shop, [database, "other"], names=START, contrast=True)
    assert found.code == 0, found
    assert found.deploy_problems == []
    missed = {(each["database"], each["model"]) for each in found.report["failures"]}
    assert missed == {("other", "blog.Post")}
    assert len(found.report["planned"]) == 4


def test_the_other_one_alone(shop):
    found = rehearse(shop, "other", names=START)
    assert found.is_clean, found


def test_a_database_that_is_needed_as_well(shop, database):
    shop.write_source("shop", "0003", READING.replace('"0001_initial"', '"0002"'))
    said = refused(shop, "rehearse", database=[database], names=START)
    assert "'other'" in said
    assert "--database other" in said
    assert made(database) == set()


def test_it_may_be_rehearsed_too(shop, database):
    shop.write_source("shop", "0003", READING.replace('"0001_initial"', '"0002"'))
    found = rehearse(shop, [database, "other"], names=START)
    assert found.is_clean, found


def test_a_mirror_is_the_same_database(shop, database):
    shop.write_source("shop", "0003", READING.replace('"0001_initial"', '"0002"'))
    mirror = {"TEST": {**connections.settings[database]["TEST"], "MIRROR": database}}
    with configured("other", **mirror):
        found = rehearse(shop, database, names=START)
    assert found.is_clean, found


def test_one_database_by_two_names(shop, database):
    shop.settings = {}
    same = connections.settings[database]["NAME"]
    with configured("other", NAME=same):
        found = rehearse(shop, [database, database, "other"], names=START)
    assert found.code in (0, 1), found
    assert found.deploy_problems == []
    assert list(found.outcomes) == ["shop.0002", "blog.0002"]


@pytest.mark.databases("sqlite")
def test_a_database_that_does_not_answer(shop, tmp_path):
    with configured("other", NAME=str(tmp_path / "no" / "db.sqlite3")):
        said = refused(shop, "rehearse", database=["other"])
    assert "other" in said
    assert "unable to open" in said


@pytest.mark.databases("postgresql")
def test_an_account_that_makes_no_databases(shop, database):
    role = "rehearsal_reader"
    execute(database, f"CREATE ROLE {role} LOGIN")
    name = connections.settings[database]["NAME"]
    try:
        execute(database, f'GRANT CONNECT ON DATABASE "{name}" TO {role}')
        with configured("other", USER=role), pytest.raises(CommandError) as caught:
            run(shop, database=["other"], names=START)
        assert "permission denied to create database" in str(caught.value)
        assert caught.value.returncode == 2
    finally:
        execute(
            database,
            f"DROP OWNED BY {role}",
        )
        execute(database, f"DROP ROLE {role}")
    assert applied(database) == []


def test_stages_by_hand_on_one_of_them(shop, database):
    shop.settings |= {"MIGRATION_STAGES_OVERRIDE": {"blog.0002": Stage.PRE_DEPLOY}}
    shop.write("shop", "0003", remove("note"))
    found = rehearse(shop, [database, "other"], names=START)
    assert found.code == 1
    wrong = {(each["database"], each["migration"]) for each in found.failures("window")}
    assert wrong == {("other", "blog.0002")}
