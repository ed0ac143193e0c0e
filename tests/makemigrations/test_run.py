"""makemigrations where nothing has to be split: what it writes and says is Django's."""

from __future__ import annotations

import re

import pytest
from django.core.management.commands import makemigrations as django_makemigrations
from django.db import migrations

from tests.support.deployment_projects import copy, run, write_models, written
from tests.support.projects import Project

pytestmark = [
    pytest.mark.databases("sqlite"),
    pytest.mark.usefixtures("database"),
    pytest.mark.versions,
]

NOTE = "class Note(models.Model):\n    text = models.TextField(null=True)\n"
ORDER = "class Order(models.Model):\n    price = models.IntegerField(null=True)\n"


def to(label: str, null: bool = True) -> str:
    return (
        f"    {label[:1]} = models.ForeignKey('{label}', models.CASCADE, null={null})\n"
    )


def renamed(field: str, meta: str = "") -> str:
    return f"class Order(models.Model):\n    {field}\n{meta}"


# What models.py was and is, the arguments and the answers.
CHANGES = {
    "apps": ({}, {"blog": NOTE, "shop": ORDER}, [], []),
    "circle": ({}, {"blog": NOTE + to("shop.Order", False), "shop": ORDER}, [], []),
    "circular models": (
        {},
        {
            "blog": NOTE + to("shop.Order", False),
            "shop": ORDER + to("blog.Note", False),
        },
        [],
        [],
    ),
    "nullable": (
        {"shop": ORDER},
        {"shop": ORDER + "    n = models.TextField(null=True)\n"},
        [],
        [],
    ),
    "removal": ({"shop": ORDER}, {"shop": renamed("pass")}, [], []),
    "model gone": ({"shop": ORDER, "blog": NOTE}, {"shop": ""}, [], []),
    "name": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["-n", "n"], []),
    "long name": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["--name", "n" * 120], []),
    "label": ({"shop": ORDER}, {"shop": "", "blog": NOTE}, ["blog"], []),
    "label that needs another": (
        {"shop": ORDER, "blog": NOTE, "news": NOTE},
        {"shop": ORDER + NOTE, "blog": NOTE + to("shop.Note"), "news": ""},
        ["blog"],
        [],
    ),
    "unknown label": ({"shop": ORDER}, {"shop": ""}, ["nothing"], []),
    "bad name": ({"shop": ORDER}, {"shop": ""}, ["--name", "1-2"], []),
    "options": (
        {"shop": ORDER},
        {"shop": ORDER + "    class Meta:\n        ordering = ['price']\n"},
        [],
        [],
    ),
    "proxy": (
        {"shop": ORDER},
        {"shop": f"{ORDER}class P(Order):\n    class Meta:\n        proxy = True\n"},
        [],
        [],
    ),
    "unmanaged": (
        {"shop": f"{ORDER}    class Meta:\n        managed = False\n"},
        {"shop": f"{ORDER}    b = models.IntegerField(default=1)\n"
         "    class Meta:\n        managed = False\n"},
        [],
        [],
    ),
    "field renamed in Python": (
        {"shop": ORDER},
        {"shop": renamed("cost = models.IntegerField(null=True, db_column='price')")},
        [],
        ["y"],
    ),
    "field not renamed": (
        {"shop": ORDER},
        {"shop": renamed("cost = models.IntegerField(null=True)")},
        ["--no-split"],
        ["n"],
    ),
    "model renamed in Python": (
        {"shop": ORDER},
        {"shop": ORDER.replace("Order", "Purchase")
         + "    class Meta:\n        db_table = 'shop_order'\n"},
        [],
        ["x", "y"],
    ),
    "--empty": ({"shop": ORDER}, {"shop": ""}, ["--empty", "shop"], []),
    "--empty of nothing": ({"shop": ORDER}, {}, ["--empty"], []),
    "--empty with a name": ({"shop": ORDER}, {}, ["--empty", "shop", "-n", "hi"], []),
    "--merge of nothing": ({"shop": ORDER}, {}, ["--merge"], []),
    "--no-header": ({}, {"shop": ORDER}, ["--no-header"], []),
    "--update": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["--update"], []),
    "--update of nothing": ({}, {"shop": ORDER}, ["--update"], []),
    "--dry-run": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["--dry-run"], []),
    "the whole": ({}, {"shop": ORDER}, ["--dry-run", "-v", "3"], []),
    "--check": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["--check"], []),
    "--check, clean": ({"shop": ORDER}, {}, ["--check"], []),
    "--scriptable": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["--scriptable"], []),
    "silence": ({"shop": ORDER}, {"shop": ORDER + NOTE}, ["-v", "0"], []),
    "--no-split": (
        {"shop": ORDER},
        {"shop": ORDER + "    n = models.IntegerField(default=0)\n"},
        ["--no-split"],
        [],
    ),
    "--no-split and a question": (
        {"shop": ORDER},
        {"shop": ORDER + "    n = models.IntegerField()\n"},
        ["--no-split"],
        ["3", "1", "", "zero", "0"],
    ),
}  # fmt: skip


def before(folder, models) -> Project:
    """Return a project with these models, and with migrations if there are any."""
    project = Project(folder / "ours")
    write_models(project, {"shop": "", **models})
    if models:
        assert run(project, "makemigrations")[0] == 0
    return project


def normal(project: Project, text: str) -> str:
    """Leave out what differs between two runs, and the stages."""
    text = text.replace(str(project.folder), "")
    text = re.sub(r"^# Generated by.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"auto_\d{8}_\d{4}", "auto", text)
    return re.sub(
        r"(\.py)  \((pre-deploy|post-deploy|any|fits no stage)\)", r"\1", text
    )


def result(project: Project, old: Project, command, arguments, answers):
    code, output = run(project, command, *arguments, answers=tuple(answers))
    files = {normal(project, k): v for k, v in written(project, old).items()}
    return code, normal(project, output), files


def same(ours: Project, arguments=(), answers=()):
    """Run Django's command and ours; return what both exit with, say and write."""
    old, stock = copy(ours, "old"), copy(ours, "stock")
    command = django_makemigrations.Command()
    theirs = [each for each in arguments if each != "--no-split"]
    expected = result(stock, old, command, theirs, answers)
    found = result(ours, old, "makemigrations", arguments, answers)
    assert found == expected
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_split_is_djangos(tmp_path, change):
    old, new, arguments, answers = CHANGES[change]
    project = before(tmp_path, old)
    write_models(project, {label: source or "\n" for label, source in new.items()})
    same(project, arguments, answers)


def conflict(folder) -> Project:
    project = before(folder, {"shop": ORDER})
    first = {"dependencies": [("shop", "0001_initial")]}
    project.write("shop", "0002_one", migrations.RunSQL(""), **first)
    project.write("shop", "0002_two", migrations.RunSQL(""), **first)
    return project


@pytest.mark.parametrize("answers", [[], ["y"], ["n"], ["maybe", "y"]])
@pytest.mark.parametrize("arguments", [[], ["--merge"], ["--merge", "-n", "one"]])
def test_merging_is_djangos(tmp_path, arguments, answers):
    code, _, files = same(conflict(tmp_path), arguments, answers)
    merged = arguments and answers != ["n"]
    assert (len(files), code in (0, None)) == (int(bool(merged)), bool(arguments))


BROKEN = {
    "syntax": "class Migration(:\n",
    "import": "import nothing_of_this_name\n",
    "no class": "",
    "unknown parent": """\
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("shop", "0009_nothing")]
""",
}


@pytest.mark.parametrize("case", BROKEN)
def test_migrations_that_cannot_be_loaded_are_djangos_to_report(tmp_path, case):
    project = before(tmp_path, {"shop": ORDER})
    project.write_source("shop", "0002_broken", BROKEN[case])
    same(project)


def test_a_gap_in_the_numbers_is_kept(tmp_path):
    project = before(tmp_path, {"shop": ORDER})
    project.write("shop", "0007_later", migrations.RunSQL(""))
    write_models(project, {"shop": ORDER + NOTE})
    _, _, files = same(project)
    assert list(files) == ["shop.0008_note"]


@pytest.mark.parametrize("labels", [[], ["news"]])
def test_an_app_without_migrations_gets_them_if_it_is_named(tmp_path, labels):
    project = before(tmp_path, {"blog": NOTE})
    project.app("news", NOTE)
    _, _, files = same(project, labels)
    assert list(files) == ["news.0001_initial" for _ in labels]
