"""The note that all migrations are in order: when it is written, used and void."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from django.db import migrations, models

FIELD = """\
from django.db import models


class MoneyField(models.IntegerField):
    pass
"""
CUSTOM = """\
from django.db import migrations, models
from shop.fields import MoneyField


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "cost", MoneyField(null=True)),
    ]
"""
KEY = ("id", models.BigAutoField(primary_key=True))


@pytest.fixture
def shop(project):
    """A project with a field of its own, whose migrations are in order."""
    project.write("shop", "0001_initial", migrations.CreateModel("Order", [KEY]))
    (project.folder / "shop" / "fields.py").write_text(FIELD)
    project.write_source("shop", "0002_cost", CUSTOM)
    return project


def note(project):
    tag = sys.implementation.cache_tag
    return project.folder / "__pycache__" / f"site_settings.{tag}.stages.json"


def reviews(project, *python, settings=""):
    """Tell whether a check looks at the migrations, which have to be in order."""
    options = ("-X", "importtime", *python)
    run = project.manage("check", python=options, settings=settings)
    assert run.returncode == 0, run.stderr
    return "syzygy_like.planning.review\n" in run.stderr


def edit(path):
    """Change a file, but not its size."""
    text = path.read_text()
    path.write_text(text.replace("\n\n\n", "\n \n", 1))
    touch(path)


def touch(path):
    """Change nothing but the time of a file."""
    moment = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(moment, moment))


def test_what_was_found_to_be_in_order_is_not_looked_at_again(shop):
    assert reviews(shop)
    assert set(json.loads(note(shop).read_text())) == {"key", "migrations", "stamps"}
    assert not reviews(shop)


def change_migration(project):
    edit(project.folder / "shop/migrations/0002_cost.py")


def add_migration(project):
    project.write("shop", "0003_noop", migrations.RunPython(migrations.RunPython.noop))


def remove_migration(project):
    (project.folder / "shop/migrations/0003_noop.py").unlink()


def change_field(project):
    edit(project.folder / "shop/fields.py")


def add_app(project):
    project.write("blog", "0001_initial")


CHANGES = (change_migration, add_migration, remove_migration, change_field, add_app)


def test_a_change_makes_the_note_void(shop):
    assert reviews(shop)
    for change in CHANGES:
        change(shop)
        assert reviews(shop), change
    assert not reviews(shop)


def test_the_time_alone_of_a_file_changes_nothing(shop):
    assert reviews(shop)
    touch(shop.folder / "shop/migrations/0002_cost.py")
    touch(shop.folder / "shop/fields.py")
    assert not reviews(shop)


SETTINGS = (
    "MIGRATION_STAGES_OVERRIDE = {'shop': Stage.ANY}",
    "MIGRATION_STAGES_FALLBACK = {'shop': Stage.ANY}",
    "MIGRATION_THIRD_PARTY_STAGES_FALLBACK = None",
    "",
    "MIGRATION_STAGES_BASELINE = {'shop': '0001_initial'}",
    "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'",
)


def test_a_setting_makes_the_note_void(shop):
    # Python takes a file of the same size and second for the same.
    settings = [setting + " " * index for index, setting in enumerate(SETTINGS)]
    for setting in settings:
        assert reviews(shop, settings=setting), setting
    assert not reviews(shop, settings=settings[-1])


def test_what_is_wrong_is_said_each_time(shop):
    assert reviews(shop)
    field = models.IntegerField(default=0)
    shop.write("shop", "0003_total", migrations.AddField("order", "total", field))
    for _ in range(2):
        run = shop.manage("check")
        assert run.returncode == 1
        assert "(syzygy_like.E001)" in run.stderr


def test_some_apps_use_the_note_too_but_never_write_a_wrong_one(shop):
    field = models.IntegerField(default=0)
    shop.write("blog", "0001_initial", migrations.CreateModel("Post", [KEY]))
    shop.write("blog", "0002_total", migrations.AddField("post", "total", field))
    assert shop.manage("check", "shop").returncode == 0
    assert not note(shop).exists()
    assert shop.manage("check").returncode == 1


def test_where_python_writes_no_bytecode_no_note_is_written(shop):
    assert reviews(shop, "-B")
    assert not note(shop).exists()


def test_a_folder_that_cannot_be_written_is_no_error(shop):
    Path(shop.folder / "__pycache__").write_text("no folder")
    assert reviews(shop)
    assert reviews(shop)


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"key": 1}'])
def test_a_damaged_note_is_written_anew(shop, text):
    note(shop).parent.mkdir()
    note(shop).write_text(text)
    assert reviews(shop)
    assert json.loads(note(shop).read_text())["stamps"]


def test_bytes_that_are_no_text_are_no_note(shop):
    note(shop).parent.mkdir()
    note(shop).write_bytes(b"\xff\xfe{")
    assert reviews(shop)


def test_nothing_else_is_left_behind(shop):
    assert reviews(shop)
    names = {path.name for path in note(shop).parent.iterdir()}
    tag = sys.implementation.cache_tag
    assert names == {f"site_settings.{tag}.pyc", note(shop).name}


def test_a_setting_of_a_projects_own_makes_the_note_void(shop):
    assert reviews(shop, settings="SHOP_SCALE = 1 ")
    assert reviews(shop, settings="SHOP_SCALE = 2  ")
    assert not reviews(shop, settings="SHOP_SCALE = 2  ")


def test_a_constant_that_a_migration_imports_makes_the_note_void(shop):
    constants = shop.folder / "shop" / "constants.py"
    constants.write_text("NULL = True\n")
    text = CUSTOM.replace(
        "from shop.fields", "from shop.constants import NULL\nfrom shop.fields"
    )
    shop.write_source("shop", "0002_cost", text.replace("null=True", "null=NULL"))
    assert reviews(shop)
    assert not reviews(shop)
    constants.write_text("NULL = 1 > 0\n")
    assert reviews(shop)


def test_no_note_is_written_of_migrations_that_read_files(shop):
    sql = shop.folder / "shop" / "noop.sql"
    sql.write_text("SELECT 1")
    read = f"migrations.RunSQL(open({str(sql)!r}).read()),"
    field = 'migrations.AddField("order", "cost", MoneyField(null=True)),'
    shop.write_source("shop", "0002_cost", CUSTOM.replace(field, read))
    assert reviews(shop)
    assert not note(shop).exists()
