"""``makemigrations --split``, on real files."""

from __future__ import annotations

import builtins
import io
import re
import stat
import sys
import uuid
from pathlib import Path

import pytest
from django.core import checks
from django.core.management.base import CommandError
from django.db import connections, migrations, models

from syzygy_like import Stage
from syzygy_like.makemigrations.split.migration import find
from syzygy_like.makemigrations.split.parts import parts
from syzygy_like.planning.explanation import Explanation
from tests.planning.test_review import CUSTOMER, MIXED, SHELF
from tests.planning.test_review import ORDER as ORDERS
from tests.support.orders import started
from tests.support.projects import Project, applied, columns, physical

pytestmark = pytest.mark.databases("sqlite")

KEY = ("id", models.BigAutoField(primary_key=True))
PRICE = ("price", models.IntegerField(null=True))
ORDER = migrations.CreateModel("Order", [KEY, PRICE])
ADD = migrations.AddField("order", "cents", models.IntegerField(null=True))
ADD_REQUIRED = migrations.AddField("order", "total", models.IntegerField(default=0))
ADD_NOTE = migrations.AddField("order", "note", models.TextField(null=True))
ADD_AGAIN = migrations.AddField("order", "price", models.TextField(null=True))
REMOVE = migrations.RemoveField("order", "price")
SQL = migrations.RunSQL("FROBNICATE shop_order", migrations.RunSQL.noop)

SWAP = """\
# Zwei Änderungen auf einmal - für später.
from django.db import migrations, models


def copy(apps, schema_editor):
    # Does nothing yet.
    pass


class Migration(migrations.Migration):
    # It stands on the first one.
    dependencies = [("shop", "0001_initial")]
    tickets = [1, 2]

    operations = [
        # The new one.
        migrations.AddField("order", "cents", models.IntegerField(null=True)),  # now
        migrations.RunPython(copy, migrations.RunPython.noop),
        # The old one.
        migrations.RemoveField("order", "price"),  # noqa
        # No more.
    ]
"""
SWAP_SPLIT = SWAP.replace(
    """\
        # The new one.
        migrations.AddField("order", "cents", models.IntegerField(null=True)),  # now
""",
    "",
).replace("0001_initial", "0002_expand_swap")
SWAP_EXPAND = """\
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0001_initial'),
    ]

    operations = [
        # The new one.
        # now
        migrations.AddField(
            model_name='order',
            name='cents',
            field=models.IntegerField(null=True),
        ),
    ]
"""


@pytest.fixture
def shop(project, database):
    """A project whose first migration is applied."""
    return started(project, database, "", ORDER)


def split(project, *arguments, **options):
    """Split a migration of the shop, and return what is printed."""
    names = [each for each in arguments if not each.startswith("-")] or ["0002"]
    flags = [each for each in arguments if each.startswith("-")]
    options.setdefault("interactive", False)
    flags.append("--no-header")
    return project.call("makemigrations", "shop", *names, "--split", *flags, **options)


def refused(project, *arguments, **options):
    """Return why a migration is not split; no file has changed then."""
    before = files(project)
    with pytest.raises(CommandError) as caught:
        split(project, *arguments, **options)
    assert files(project) == before
    return str(caught.value)


def files(project):
    """Return all files of the migrations, by their names."""
    paths = (project.folder / "shop" / "migrations").iterdir()
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def texts(project):
    """Return the texts of the files, without the first one."""
    found = files(project)
    ignored = {"__init__.py", "0001_initial.py"}
    return {
        name.removesuffix(".py"): found[name].decode()
        for name in sorted(found.keys() - ignored)
    }


def found(project):
    """Return what our checks find."""
    with project.active():
        return checks.run_checks(tags=["syzygy_like"])


def roll_out(project, database, before):
    """Migrate on both sides of a deploy; ``before`` is what is applied at first."""
    assert found(project) == []
    done = applied(database)
    project.migrate("--pre-deploy", database=database)
    assert applied(database)[len(done) :] == [f"shop.{name}" for name in before]
    project.migrate("--post-deploy", database=database)
    assert "[ ]" not in project.call("showmigrations", database=database)


def test_what_is_for_both_sides_is_split(shop, database):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    assert [each.id for each in found(shop)] == ["syzygy_like.E001"]
    out = split(shop)
    assert "shop.0002_swap as 2 migrations:" in out
    assert "0002_expand_swap.py (pre-deploy)\n    + Add field cents to order" in out
    assert "0002_swap.py (post-deploy)\n    - Remove field price from order" in out
    assert "Wrote 2 files." in out
    assert list(texts(shop)) == ["0002_expand_swap", "0002_swap"]
    roll_out(shop, database, ["0002_expand_swap"])
    assert set(columns(database, "shop_order")) == {"id", "cents"}


def test_the_file_stays_as_it_is_but_for_what_moves(shop, database):
    shop.write_source("shop", "0002_swap", SWAP)
    split(shop)
    assert texts(shop) == {"0002_swap": SWAP_SPLIT, "0002_expand_swap": SWAP_EXPAND}
    roll_out(shop, database, ["0002_expand_swap"])


def test_the_diff_shows_both_files(shop):
    shop.write_source("shop", "0002_swap", SWAP)
    out = split(shop, "--dry-run")
    assert "--- /dev/null\n+++ " in out
    assert "+        # The new one.\n" in out
    assert '-    dependencies = [("shop", "0001_initial")]\n' in out
    assert '+    dependencies = [("shop", "0002_expand_swap")]\n' in out
    assert " \n     operations = [\n-        # The new one.\n" in out
    assert "\x1b[" not in out
    assert texts(shop) == {"0002_swap": SWAP}


def test_the_diff_has_colours_if_they_are_asked_for(shop):
    shop.write_source("shop", "0002_swap", SWAP)
    out = split(shop, "--dry-run", force_color=True)
    assert re.search(r"\x1b\[[0-9;]+m-        # The new one.", out)
    assert re.search(r"\x1b\[[0-9;]+m\+        # The new one.", out)
    assert "\x1b[" not in split(shop, "--dry-run", no_color=True)


def test_a_required_field_is_added_in_two_steps(shop, database):
    shop.write_source(
        "shop",
        "0002_total",
        "import django.db.models as m\n"
        "from django.db import migrations\n\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.AddField('order', 'total', "
        "m.IntegerField(default=0))]  # all\n",
    )
    split(shop)
    made = texts(shop)
    assert "db_default=0" in made["0002_expand_total"]
    assert made["0002_total"] == (
        "import django.db.models as m\n"
        "from django.db import migrations\n"
        "from django.db import models\n\n"
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("shop", "0002_expand_total")]\n'
        "    operations = [\n"
        "        migrations.AlterField(\n"
        "            model_name='order',\n"
        "            name='total',\n"
        "            field=models.IntegerField(default=0),\n"
        "        ),\n"
        "    ]  # all\n"
    )
    roll_out(shop, database, ["0002_expand_total"])
    assert not columns(database, "shop_order")["total"].null_ok


def test_comments_of_what_is_replaced_go_with_what_replaces_it(shop):
    text = SWAP.replace("null=True", "default=0")
    shop.write_source("shop", "0002_swap", text)
    split(shop)
    made = texts(shop)
    assert (
        "# The new one.\n        # now\n        migrations.AddField("
        in made["0002_expand_swap"]
    )
    assert "migrations.AlterField(" in made["0002_swap"]
    assert made["0002_swap"].count("#") == text.count("#") - 2


def test_a_function_stays_in_its_file_if_it_can(shop, database):
    text = SWAP.replace("null=True", "default=0")
    shop.write_source("shop", "0002_swap", text)
    split(shop)
    made = texts(shop)
    assert "RunPython" not in made["0002_expand_swap"]
    assert made["0002_swap"].index("RunPython") < made["0002_swap"].index("AlterField")
    roll_out(shop, database, ["0002_expand_swap"])


def test_a_default_that_is_a_function_of_the_file(shop):
    text = SWAP.replace("null=True", "default=start").replace(
        "def copy", "def start():\n    return 7\n\n\ndef copy"
    )
    shop.write_source("shop", "0002_swap", text)
    split(shop)
    made = texts(shop)
    assert "start()" not in made["0002_expand_swap"]
    assert "=start())" in made["0002_swap"]


def test_new_operations_may_use_functions_of_the_file(shop):
    shop.write_source("shop", "0002_swap", SWAP)
    with shop.active():
        subject = find("shop", "0002")
        add, run, remove = subject.migration.operations
        field = models.IntegerField(default=sys.modules[subject.module].copy)
        new = migrations.AlterField("order", "cents", field)
        groups = (Stage.PRE_DEPLOY, (add,)), (Stage.POST_DEPLOY, (run, new, remove))
        explanation = Explanation(subject.migration, (), groups, rewritten=True)
        *_, last = parts(subject, explanation)
    assert "field=models.IntegerField(default=copy)" in last.new
    assert "import shop" not in last.new


def test_a_single_part_is_written_in_place(shop):
    """Where other operations do, there need not be two."""
    shop.write_source("shop", "0002_swap", SWAP)
    with shop.active():
        subject = find("shop", "0002")
        field = models.IntegerField(db_default=0)
        new = migrations.AddField("order", "cents", field)
        _, *rest = subject.migration.operations
        groups = ((Stage.PRE_DEPLOY, (new, *rest)),)
        explanation = Explanation(subject.migration, (), groups, rewritten=True)
        (part,) = parts(subject, explanation)
    assert part.name == "0002_swap"
    assert 'dependencies = [("shop", "0001_initial")]' in part.new
    assert "IntegerField(db_default=0)" in part.new


def test_those_that_follow_are_not_touched(shop, database):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    follower = shop.write("shop", "0003_note", ADD_NOTE)
    pointer = shop.migrations("shop") / "max_migration.txt"
    pointer.write_text("0003_note\n")
    before = follower.read_bytes()
    split(shop, "0002_sw")
    assert follower.read_bytes() == before
    assert pointer.read_text() == "0003_note\n"
    assert found(shop) == []
    shop.migrate(database=database)
    assert applied(database)[1:] == [
        "shop.0002_expand_swap",
        "shop.0002_swap",
        "shop.0003_note",
    ]


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("0002_swap", "0002_expand_swap"),
        ("0002_e", "0002_part_1_e"),
        ("0002_expand", "0002_part_1_expand"),
        ("0002_part", "0002_expand_part"),
        ("swap", "expand_swap"),
        ("0002", "expand_0002"),
    ],
)
def test_migrate_can_tell_the_names_apart(shop, database, name, new):
    dependencies = [("shop", "0001_initial")]
    shop.write("shop", name, ADD, REMOVE, dependencies=dependencies)
    split(shop, name)
    assert set(texts(shop)) == {name, new}
    shop.migrate("shop", name, database=database)
    shop.migrate("shop", new, database=database)
    assert applied(database) == ["shop.0001_initial", f"shop.{new}"]


def test_three_parts(shop, database):
    shop.write("shop", "0002_price", ADD, REMOVE, ADD_AGAIN)
    out = split(shop)
    assert (
        "One deploy cannot include all of them: deploy them one after the other." in out
    )
    made = texts(shop)
    assert list(made) == ["0002_part_1_price", "0002_part_2_price", "0002_price"]
    assert "('shop', '0001_initial')" in made["0002_part_1_price"]
    assert "('shop', '0002_part_1_price')" in made["0002_part_2_price"]
    assert '("shop", "0002_part_2_price")' in made["0002_price"]
    assert found(shop) == []
    shop.migrate(database=database)
    assert set(columns(database, "shop_order")) == {"id", "cents", "price"}


def test_two_parts_of_which_the_later_one_expands(shop):
    shop.write("shop", "0002_price", REMOVE, ADD_AGAIN)
    split(shop)
    assert list(texts(shop)) == ["0002_part_1_price", "0002_price"]


@pytest.mark.parametrize("case", sorted(MIXED))
def test_the_parts_do_what_the_whole_did(project, databases, database, case):
    project.write("shop", "0001_initial", CUSTOMER, ORDERS, SHELF)
    project.write("shop", "0002_change", *MIXED[case])
    if case.startswith("rename"):
        assert "run makemigrations again" in refused(project)
        return
    project.stock_migrate(database=database, verbosity=0)
    expected = physical(database)
    databases.empty(database)
    split(project)
    assert found(project) == []
    project.migrate(database=database, verbosity=0)
    assert physical(database) == expected


def test_split_twice(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    split(shop)
    assert refused(shop, "0002_swap") == (
        "shop.0002_swap already fits a stage: post-deploy. There is nothing to split."
    )
    assert "already fits a stage: pre-deploy" in refused(shop, "0002_expand_swap")


# Files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_and_letters_stay_as_they_are(shop, database, encoding, newline):
    head = "" if encoding.startswith("utf-8") else "# coding: latin-1\n"
    text = (head + SWAP).replace("\n", newline)
    path = shop.migrations("shop") / "0002_swap.py"
    path.write_bytes(text.encode(encoding))
    split(shop)
    expected = (head + SWAP_SPLIT).replace("\n", newline)
    assert path.read_bytes() == expected.encode(encoding)
    new = path.with_name("0002_expand_swap.py").read_bytes()
    assert new == SWAP_EXPAND.replace("\n", newline).encode()
    roll_out(shop, database, ["0002_expand_swap"])


def test_permissions_stay_as_they_are(shop):
    path = shop.write("shop", "0002_swap", ADD, REMOVE)
    path.chmod(0o640)
    split(shop)
    for each in (path, path.with_name("0002_expand_swap.py")):
        assert stat.S_IMODE(each.stat().st_mode) == 0o640


def test_a_link_stays_one(shop, tmp_path):
    path = shop.write("shop", "0002_swap", ADD, REMOVE)
    real = path.replace(tmp_path / "real.py")
    path.symlink_to(real)
    split(shop)
    assert path.is_symlink()
    assert "0002_expand_swap" in real.read_text()
    assert found(shop) == []


@pytest.mark.parametrize("number", [1, 2])
def test_all_files_are_written_or_none(shop, monkeypatch, number):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    calls = []
    replace = Path.replace

    def failing(self, target):
        calls.append(target)
        if len(calls) == number:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    text = refused(shop)
    assert text.startswith("shop.0002_swap was not split, and all files are as they")
    assert "No space left on device" in text


def test_files_that_cannot_be_restored_are_named(shop, monkeypatch):
    path = shop.write("shop", "0002_swap", ADD, REMOVE)
    unlink = Path.unlink

    def failing(self, missing_ok=False):
        if self.name == "0002_expand_swap.py":
            raise OSError(30, "Read-only file system")
        unlink(self, missing_ok=missing_ok)

    def broken(self, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", failing)
    monkeypatch.setattr(Path, "replace", broken)
    text = refused(shop)
    assert f"could not be restored: {path.with_name('0002_expand_s')}" in text


@pytest.mark.parametrize("name", ["0002_expand_swap.py", "0002_expand_swap"])
def test_a_name_that_there_is_already(shop, name):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    path = shop.migrations("shop") / name
    if path.suffix:
        path.write_text("from django.db.migrations import Migration\n")
    else:
        path.mkdir()
    assert "0002_expand_swap already exists" in refused(shop, "0002_swap")


OPERATIONS = """\
from django.db import migrations, models


class AddColumn(migrations.AddField):
    def deconstruct(self):
        name, args, kwargs = super().deconstruct()
        return name, args, {**kwargs, "field": models.TextField(null=True)}
"""


def test_what_did_not_come_to_the_same_is_taken_back(shop, database):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    (shop.folder / "shop" / "operations.py").write_text(OPERATIONS)
    shop.write_source(
        "shop",
        "0002_swap",
        "from django.db import migrations, models\n"
        "from shop.operations import AddColumn\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [\n"
        "        AddColumn('order', 'cents', models.IntegerField(null=True)),\n"
        "        migrations.RemoveField('order', 'price'),\n"
        "    ]\n",
    )
    text = refused(shop)
    assert "All files are as they were" in text
    assert "leaves other models or tables than before" in text
    assert [each.id for each in found(shop)] == ["syzygy_like.E001"]


def test_formatters_run(shop, tmp_path, monkeypatch):
    black = tmp_path / "bin" / "black"
    black.parent.mkdir()
    black.write_text('#!/bin/sh\nfor each in "$@"; do echo "$each" >> "$0.log"; done\n')
    black.chmod(0o755)
    monkeypatch.setenv("PATH", f"{black.parent}:/usr/bin:/bin")
    path = shop.write("shop", "0002_swap", ADD, REMOVE)
    split(shop)
    log = Path(f"{black}.log").read_text().splitlines()
    assert str(path) in log
    assert str(path.with_name("0002_expand_swap.py")) in log


def test_the_header_is_djangos(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    shop.call("makemigrations", "shop", "0002", "--split", "--noinput")
    assert texts(shop)["0002_expand_swap"].startswith("# Generated by Django ")
    assert texts(shop)["0002_swap"].startswith("from django.db import")


# Attributes


def test_attributes_go_where_they_belong(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE, atomic=False, initial=True)
    split(shop)
    for text in texts(shop).values():
        assert "    atomic = False\n" in text
        assert "    initial = True\n" in text


def test_dependencies_on_other_apps(project, database):
    project.write("other", "0001_initial", migrations.CreateModel("Thing", [KEY]))
    project.write("shop", "0001_initial", ORDER)
    project.settings["AUTH_USER_MODEL"] = "auth.User"
    project.apps += ["django.contrib.contenttypes", "django.contrib.auth"]
    project.write_source(
        "shop",
        "0002_swap",
        "from django.conf import settings\n"
        "from django.db import migrations, models\n\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [\n"
        "        # What the new one is about.\n"
        "        ('other', '0001_initial'),\n"
        "        migrations.swappable_dependency(settings.AUTH_USER_MODEL),\n"
        "        ('shop', '0001_initial'),\n"
        "    ]\n"
        "    run_before = [('other', '0002_more')]\n"
        "    operations = [\n"
        "        migrations.AddField('order', 'note', models.TextField(null=True)),\n"
        "        migrations.RemoveField('order', 'price'),\n"
        "    ]\n",
    )
    project.write("other", "0002_more", migrations.CreateModel("More", [KEY]))
    project.write(
        "other",
        "0003_first",
        dependencies=[("other", "0001_initial")],
        run_before=[("shop", "0002_swap")],
    )
    project.write("other", "0004_merge", dependencies=[("other", "0002_more")])
    split(project, "0002")
    made = texts(project)
    assert (
        "    dependencies = [\n"
        "        ('other', '0001_initial'),\n"
        "        ('other', '0003_first'),\n"
        "        ('shop', '0001_initial'),\n"
        "        migrations.swappable_dependency(settings.AUTH_USER_MODEL),\n"
        "    ]\n"
    ) in made["0002_expand_swap"]
    assert (
        "    dependencies = [\n"
        '        ("shop", "0002_expand_swap"),\n'
        "        # What the new one is about.\n"
        "        ('other', '0001_initial'),\n"
        "        migrations.swappable_dependency(settings.AUTH_USER_MODEL),\n"
        "    ]\n"
    ) in made["0002_swap"]
    assert "run_before" not in made["0002_expand_swap"]
    assert found(project) == []


def test_a_migration_without_dependencies(project, database):
    run_before = [("shop", "0002_swap")]
    project.write("shop", "0001_initial", ORDER, run_before=run_before)
    text = SWAP.replace('    dependencies = [("shop", "0001_initial")]\n', "")
    project.write_source("shop", "0002_swap", text)
    split(project)
    made = texts(project)
    assert "        ('shop', '0001_initial'),\n" in made["0002_expand_swap"]
    added = '    dependencies = [\n        ("shop", "0002_expand_swap"),\n    ]\n'
    assert f"{added}\n    tickets" in made["0002_swap"]
    assert found(project) == []


# What is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--split takes an app label and the name of a migration"),
        (("shop",), "--split takes an app label and the name of a migration"),
        (("shop", "0002", "0003"), "--split takes an app label and the name"),
        (("nothing", "0002"), "No installed app with label 'nothing'."),
        (("syzygy_like", "0002"), "App 'syzygy_like' does not have migrations."),
        (("shop", "0009"), "Cannot find a migration matching '0009' from app 'shop'."),
        (("shop", "000"), "More than one migration matches '000' in app 'shop'."),
        (("shop", "0002", "--merge"), "--split and --merge cannot be used together."),
        (("shop", "0002", "--empty"), "--split and --empty cannot be used together."),
        (("shop", "0002", "--update"), "--split and --update cannot be used together."),
        (("shop", "0002", "--check"), "--split and --check cannot be used together."),
        (
            ("shop", "0002", "--no-split"),
            "--split and --no-split cannot be used together.",
        ),
        (("shop", "0002", "--name=x"), "--split and --name cannot be used together."),
    ],
)
def test_arguments_that_will_not_do(shop, arguments, words):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    before = files(shop)
    with pytest.raises(CommandError) as caught:
        shop.call("makemigrations", "--split", *arguments)
    assert words in str(caught.value)
    assert files(shop) == before


def test_what_is_applied_is_not_split(shop, database):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    shop.migrate(database=database, verbosity=0)
    text = refused(shop)
    assert "shop.0002_swap is applied on the database 'default'" in text
    assert 'MIGRATION_STAGES_BASELINE = {"shop": "0002_swap"}' in text


def test_what_is_history_by_the_settings_is_not_split(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    shop.write("shop", "0003_note", ADD_NOTE)
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0003_note"}
    assert (
        "is applied, according to MIGRATION_STAGES_BASELINE ('0003_note')"
        in refused(shop)
    )
    shop.settings["MIGRATION_STAGES_BASELINE"] = {"shop": "0001_initial"}
    assert "Wrote 2 files." in split(shop, "0002")


def test_a_database_that_does_not_answer(shop, tmp_path):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    shop.manage("check")  # for the settings
    away = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/db"}
    settings = f"DATABASES['away'] = {away!r}"
    run = shop.manage(
        "makemigrations", "shop", "0002", "--split", "--noinput", settings=settings
    )
    assert run.returncode == 0, run.stderr
    assert "The database 'away' does not say whether it is applied:" in run.stdout


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("OVERRIDE", "is set in MIGRATION_STAGES_OVERRIDE (pre-deploy)"),
        ("FALLBACK", ""),
    ],
)
def test_stages_in_settings(shop, setting, words):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    shop.settings[f"MIGRATION_STAGES_{setting}"] = {"shop": Stage.PRE_DEPLOY}
    if words:
        assert words in refused(shop)
    else:  # it fits none by itself
        assert "Wrote 2 files." in split(shop)


def test_a_declared_stage(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE, stage=Stage.POST_DEPLOY)
    assert "shop.0002_swap declares a stage (post-deploy)." in refused(shop)


def test_settings_and_attributes_of_no_use(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE, stage=3)
    assert "The stage of shop.0002_swap is 3, which is not a stage." in refused(shop)
    shop.settings["MIGRATION_STAGES_OVERRIDE"] = ["shop"]
    assert "MIGRATION_STAGES_OVERRIDE is ['shop']" in refused(shop)


def test_squashed_migrations(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    replaces = [("shop", "0001_initial"), ("shop", "0002_swap")]
    shop.write("shop", "0001_squashed", ORDER, replaces=replaces, dependencies=[])
    assert "shop.0001_squashed is a squashed migration" in refused(shop, "0001_sq")
    assert "shop.0002_swap is replaced by shop.0001_squashed" in refused(shop)


def test_files_that_were_installed(tmp_path, database):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    project = Project(folder)
    project.write("shop", "0001_initial", ORDER)
    project.write("shop", "0002_swap", ADD, REMOVE)
    text = refused(project)
    assert "shop.0002_swap is part of an installed package" in text
    assert "MIGRATION_STAGES_OVERRIDE" in text


RENAMES = {
    "field": (migrations.RenameField("order", "price", "cost"), "db_column='price'"),
    "model": (migrations.RenameModel("Order", "Purchase"), "db_table = 'shop_order'"),
}


@pytest.mark.parametrize("kind", RENAMES)
def test_renames_need_the_models(shop, kind):
    operation, edit = RENAMES[kind]
    shop.write("shop", "0002_rename", operation)
    text = refused(shop)
    assert "shop.0002_rename renames something that both versions use." in text
    assert edit in text
    assert "run makemigrations again" in text


def test_what_has_no_split(shop):
    shop.write(
        "shop",
        "0002_text",
        migrations.AlterField("order", "price", models.TextField(null=True)),
    )
    text = refused(shop)
    assert text.startswith("shop.0002_text cannot be split automatically.")
    assert "1  AlterField  Order.price  no stage" in text
    assert "shop.0002_text, set its stage instead" in text


def test_an_operation_that_cannot_be_read_and_would_change_places(shop):
    shop.write("shop", "0002_swap", REMOVE, SQL, ADD)
    text = refused(shop)
    assert "shop.0002_swap cannot be split because of operation 2 (RunSQL). " in text
    assert "operation 1 (RemoveField Order.price) would have to move past it" in text
    assert "declare a stage on shop.0002_swap, or split it by hand" in text


def test_an_operation_that_cannot_be_read_and_has_no_place(shop):
    both = migrations.SeparateDatabaseAndState([SQL], [ADD_REQUIRED])
    shop.write("shop", "0002_swap", ADD, both, REMOVE)
    text = refused(shop)
    assert "because of operation 2 (SeparateDatabaseAndState). It" in text
    assert "declare a stage on shop.0002_swap, or split it by hand" in text


def test_a_function_that_would_have_to_move(shop):
    text = SWAP.replace(
        "        # The old one.\n",
        '        migrations.AddField("order", "note", models.TextField(null=True)),\n',
    )
    shop.write_source("shop", "0002_swap", text)
    text = refused(shop)
    assert "operation 2 (RunPython) would move to another file" in text


def test_a_function_of_another_module_moves(shop, database):
    (shop.folder / "shop" / "steps.py").write_text(
        "def copy(apps, editor):\n    pass\n"
    )
    text = SWAP.replace(
        "        # The old one.\n",
        '        migrations.AddField("order", "note", models.TextField(null=True)),\n',
    ).replace("RunPython(copy", "RunPython(steps.copy")
    text = text.replace("\n\n\ndef", "\nfrom shop import steps\n\n\ndef")
    shop.write_source("shop", "0002_swap", text)
    split(shop)
    assert "code=shop.steps.copy" in texts(shop)["0002_expand_swap"]
    roll_out(shop, database, ["0002_expand_swap"])


def test_what_cannot_be_written(shop):
    text = SWAP.replace("null=True)", "null=True, default=lambda: 1)")
    shop.write_source("shop", "0002_swap", text)
    text = refused(shop)
    assert "operation 1 (AddField) cannot be written to a file (ValueError: Can" in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    ]\n", "    ] + []\n", "operations is not a plain list"),
        ("    ]\n", "        *[],\n    ]\n", "operations is not a plain list"),
        ('")]', '")] + []', "dependencies is not a plain list"),
        (
            "    ]\n",
            "    ]\n    operations[1].stage = None\n",
            "is also used outside",
        ),
        ("    ]\n", "    ]\n    del operations[1:2]\n", "is also used outside"),
        ("class Migration", "class It", "no class Migration at the top level (line"),
        ("= [1, 2]", "= []\n    def f(self): pass\n", "or methods of its own"),
        ("(migrations.Migration)", "(Base)", "has another base than"),
    ],
)
def test_files_that_cannot_be_edited(shop, old, new, words):
    text = SWAP.replace(old, new)
    if "It" in new:
        text += "\n\nMigration = It\n"
        words = words.partition(" (")[0]
    if "Base" in new:
        base = "class Base(migrations.Migration):\n    pass\n\n\ndef copy"
        text = text.replace("def copy", base)
    shop.write_source("shop", "0002_swap", text)
    assert words in refused(shop)


def test_an_operation_with_a_stage_of_its_own(shop):
    text = SWAP.replace(
        'migrations.AddField("order", "cents", models.IntegerField(null=True)),', "ADD,"
    ).replace(
        "def copy",
        'ADD = migrations.AddField("order", "cents", models.IntegerField(null=True))\n'
        "ADD.stage = Stage.PRE_DEPLOY\n\n\ndef copy",
    )
    text = text.replace("models\n\n", "models\nfrom syzygy_like import Stage\n\n")
    shop.write_source("shop", "0002_swap", text)
    assert "operation 1 (AddField) got its stage after" in refused(shop)


@pytest.mark.parametrize(
    "text", ["class Migration(:\n", "import nothing_of_this_name\n"]
)
def test_migrations_that_cannot_be_loaded(shop, text):
    shop.write_source("shop", "0002_swap", text)
    assert "The migrations cannot be loaded: " in refused(shop)


def test_migrations_that_do_not_fit_each_other(shop):
    shop.write("shop", "0002_swap", ADD, migrations.RemoveField("order", "nothing"))
    assert "shop.0002_swap does not fit the migrations before it" in refused(shop)


# Talking to the user


@pytest.mark.parametrize("answer", ["y", "Y ", "yes"])
def test_yes_is_yes(shop, monkeypatch, answer):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    monkeypatch.setattr(builtins, "input", lambda prompt="": answer)
    out = split(shop, interactive=True)
    assert out.index("+++") < out.index("Write these files? [y/N]")
    assert len(texts(shop)) == 2


@pytest.mark.parametrize("answer", ["", "n", "x", EOFError, KeyboardInterrupt])
def test_all_else_is_no(shop, monkeypatch, answer):
    shop.write("shop", "0002_swap", ADD, REMOVE)

    def reply(prompt=""):
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr(builtins, "input", reply)
    errors = io.StringIO()
    command = ("makemigrations", "shop", "0002", "--split", "--scriptable")
    assert shop.exit_code(*command, stderr=errors) == 3
    assert errors.getvalue().endswith("Nothing was written.\n")
    assert list(texts(shop)) == ["0002_swap"]


def test_scriptable(shop, monkeypatch):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    monkeypatch.setattr(builtins, "input", lambda prompt="": "y")
    monkeypatch.chdir(shop.folder)
    errors = io.StringIO()
    out = split(shop, "--scriptable", interactive=True, stderr=errors)
    folder = Path("shop", "migrations")
    assert out.splitlines() == [
        str(folder / "0002_expand_swap.py"),
        str(folder / "0002_swap.py"),
    ]
    assert "+++ shop/migrations/0002_swap.py" in errors.getvalue()
    assert "Write these files? [y/N]" in errors.getvalue()


def test_silent(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    errors = io.StringIO()
    assert split(shop, "--dry-run", verbosity=0, stderr=errors) == ""
    assert split(shop, verbosity=0, stderr=errors) == ""
    assert errors.getvalue() == ""
    assert len(texts(shop)) == 2


def test_in_a_process_of_its_own(shop):
    shop.write("shop", "0002_swap", ADD, REMOVE)
    arguments = ("makemigrations", "--split", "shop", "0002")
    run = shop.manage(*arguments)
    assert (run.returncode, run.stderr) == (3, "")
    assert len(texts(shop)) == 1
    run = shop.manage(*arguments, "--noinput")
    assert (run.returncode, run.stderr) == (0, "")
    assert "+++ shop/migrations/0002_expand_swap.py" in run.stdout
    run = shop.manage(*arguments)
    assert run.returncode == 1
    assert run.stderr.startswith("CommandError: More than one migration matches")
    run = shop.manage("check")
    assert (run.returncode, run.stderr) == (0, "")


UNIQUE = models.UUIDField(default=uuid.uuid4, unique=True)


# A default in the expand part would give the rows that are there one value for all.
@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize("field", [UNIQUE, models.UUIDField(default=uuid.uuid4)])
def test_rows_get_a_value_each_from_a_default_that_is_called(shop, database, field):
    with connections[database].cursor() as cursor:
        cursor.execute("INSERT INTO shop_order (id, price) VALUES (1, 1), (2, 2)")
    shop.write("shop", "0002_code", migrations.AddField("order", "code", field))
    split(shop)
    shop.migrate("--pre-deploy", database=database)
    shop.migrate("--post-deploy", database=database)
    with connections[database].cursor() as cursor:
        cursor.execute("SELECT code FROM shop_order")
        values = [code for (code,) in cursor.fetchall()]
    assert None not in values
    assert len(set(values)) == 2


def nothing(apps, schema_editor):
    """Do what cannot be read."""


@pytest.mark.databases("sqlite")
def test_what_cannot_be_read_is_not_moved_ahead(shop):
    unique = models.UniqueConstraint(fields=["price"], name="one")
    shop.write(
        "shop",
        "0002_amount",
        migrations.AddField("order", "amount", models.IntegerField(default=0)),
        migrations.AddConstraint("order", unique),
        migrations.RunPython(nothing, nothing),
    )
    assert "shop.0002_amount cannot be split" in refused(shop)
