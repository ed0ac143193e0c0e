"""makemigrations where both sides of a deploy are needed."""

from __future__ import annotations

import io
import threading

import pytest
from django.core.management import call_command
from django.core.management.commands import makemigrations as django_makemigrations
from django.db import connections
from django.db.migrations.writer import MigrationWriter
from django.utils import translation

from tests.support.deployment_projects import copy, run, write_models, written
from tests.support.projects import Project

pytestmark = pytest.mark.databases("sqlite")

ORDER = "class Order(models.Model):\n    price = models.IntegerField(null=True)\n"
NUMBER = "    number = models.IntegerField(default=1)\n"
CODE = """\
def code():
    return "a"
"""


@pytest.fixture
def shop(tmp_path, database):
    project = Project(tmp_path / "shop")
    write_models(project, {"shop": ORDER})
    assert run(project, "makemigrations")[0] == 0
    return project


def changed(project: Project, source: str, label: str = "shop") -> Project:
    """Change the models; return the project as it was."""
    old = copy(project, f"old{len(list(project.folder.parent.iterdir()))}")
    write_models(project, {label: source})
    return old


def test_the_halves_say_which_they_are_and_their_stages(shop, monkeypatch):
    monkeypatch.chdir(shop.folder)
    old = changed(shop, ORDER + NUMBER)
    expected = """\
Migrations for 'shop':
  shop/migrations/0002_order_number_expand.py  (pre-deploy)
    + Add field number to order
  shop/migrations/0003_order_number_contract.py  (post-deploy)
    ~ Alter field number on order
"""
    assert run(shop, "makemigrations") == (0, expected)
    assert list(written(shop, old)) == [
        "shop.0002_order_number_expand",
        "shop.0003_order_number_contract",
    ]


def test_each_of_several_first_migrations_has_one_stage(tmp_path, database):
    project = Project(tmp_path / "site")
    write_models(project, {"shop": ORDER, "blog": ORDER})
    assert (
        run(project, "makemigrations")[1].count("0001_initial.py  (pre-deploy)\n") == 2
    )


def test_no_generated_file_imports_us(shop):
    old = changed(shop, f"{CODE}{ORDER}    c = models.TextField(default=code)\n")
    run(shop, "makemigrations")
    files = written(shop, old)
    assert len(files) == 2
    assert not any("syzygy_like" in text for text in files.values())


def test_the_history_stays_linear_and_complete(shop, database):
    changed(shop, ORDER + NUMBER)
    run(shop, "makemigrations")
    assert run(shop, "makemigrations", "--check") == (0, "No changes detected\n")
    assert run(shop, "makemigrations", "--merge")[1].startswith("No conflicts")
    old = changed(shop, ORDER + NUMBER + NUMBER.replace("number", "size"))
    run(shop, "makemigrations")
    (expand, _) = written(shop, old).values()
    assert "('shop', '0003_order_number_contract')" in expand
    assert run(shop, "migrate", database=database)[0] == 0


def test_a_name(shop):
    old = changed(shop, ORDER + NUMBER)
    run(shop, "makemigrations", "--name", "swap")
    assert list(written(shop, old)) == [
        "shop.0002_swap_expand",
        "shop.0003_swap_contract",
    ]


def test_names_too_long_for_django_are_cut(shop):
    old = changed(shop, ORDER + NUMBER.replace("number", "n" * 110))
    run(shop, "makemigrations")
    names = [name.removeprefix("shop.") for name in written(shop, old)]
    assert [len(name) for name in names] == [112, 114]
    assert run(shop, "makemigrations", "--check")[0] == 0


def test_only_the_apps_that_are_named(shop):
    write_models(shop, {"blog": ORDER})
    run(shop, "makemigrations")
    changed(shop, ORDER + NUMBER)
    old = changed(shop, ORDER + NUMBER, "blog")
    run(shop, "makemigrations", "blog")
    assert {name.partition(".")[0] for name in written(shop, old)} == {"blog"}
    assert run(shop, "makemigrations", "shop", "--check")[0] == 1


def test_scriptable(shop, monkeypatch):
    monkeypatch.chdir(shop.folder)
    changed(shop, ORDER + NUMBER)
    errors = io.StringIO()
    out = shop.call("makemigrations", scriptable=True, stderr=errors)
    assert out.splitlines() == [
        "shop/migrations/0002_order_number_expand.py",
        "shop/migrations/0003_order_number_contract.py",
    ]
    assert "_expand.py  (pre-deploy)" in errors.getvalue()


def test_silence(shop):
    old = changed(shop, ORDER + NUMBER)
    assert run(shop, "makemigrations", verbosity=0) == (0, "")
    assert len(written(shop, old)) == 2


def test_check_and_dry_run_write_nothing(shop):
    old = changed(shop, f"{CODE}{ORDER}    c = models.TextField(default=code)\n")
    for arguments, expected in ((["--check"], 1), (["--dry-run"], 0)):
        code, output = run(shop, "makemigrations", *arguments, "-v", "3")
        assert code == expected
        assert "Full migrations file '0003_order_c_contract.py':" in output
        assert "def fill_order_c(apps, schema_editor):" in output
    assert not written(shop, old)


def test_call_command(shop):
    old = changed(shop, ORDER + NUMBER)
    with shop.active():
        call_command("makemigrations", "shop", name="by_call", verbosity=0)
    assert next(iter(written(shop, old))) == "shop.0002_by_call_expand"


def test_what_an_active_language_says_is_not_written(shop):
    title = "from django.utils.translation import gettext_lazy as _\n"
    field = "    t = models.CharField(_('Yes'), max_length=9, default=_('No'))\n"
    old = changed(shop, title + ORDER + field)
    with translation.override("de"):
        run(shop, "makemigrations")
    files = "".join(written(shop, old).values())
    assert "'No'" in files
    assert "Nein" not in files


def test_functions_of_the_same_name(shop, database):
    """Order.a_b and Order_a.b."""
    other = "class Order_a(models.Model):\n    pass\n"
    write_models(shop, {"shop": ORDER + other})
    run(shop, "makemigrations")
    shop.migrate(database=database)
    first = ORDER + "    a_b = models.TextField(default=code)\n"
    old = changed(
        shop, CODE + first + other.replace("pass", "b = models.TextField(default=code)")
    )
    run(shop, "makemigrations")
    (_, contract) = written(shop, old).values()
    assert contract.count("def fill_") == 2
    assert len({line for line in contract.splitlines() if "code=fill_" in line}) == 2
    roll_out(shop, database, "shop_order_a", "shop_order")


def roll_out(project, database, *tables):
    """Insert a row into each table between the parts, as the old version does."""
    project.migrate("--pre-deploy", database=database)
    with connections[database].cursor() as cursor:
        for table in tables:
            cursor.execute(f"INSERT INTO {table} DEFAULT VALUES")
    project.migrate("--post-deploy", database=database)


def test_json_of_a_callable_is_filled_in(shop, database):
    make = "def make():\n    return {'a': 1}\n"
    shop.migrate(database=database)
    changed(shop, f"{make}{ORDER}    j = models.JSONField(default=make)\n")
    run(shop, "makemigrations")
    roll_out(shop, database, "shop_order")
    with connections[database].cursor() as cursor:
        cursor.execute("SELECT j FROM shop_order")
        assert cursor.fetchall() == [('{"a": 1}',)]


def test_what_cannot_be_written_leaves_no_half(shop):
    old = changed(shop, ORDER + "    n = models.IntegerField(default=lambda: 1)\n")
    code, output = run(shop, "makemigrations")
    assert code is ValueError
    assert "Cannot serialize function: lambda" in output
    assert not written(shop, old)


def test_two_commands_in_two_threads(shop, monkeypatch):
    """One of them splits while the other one, Django's, writes."""
    changed(shop, f"{CODE}{ORDER}    c = models.TextField(default=code)\n")
    inside, may_go_on = threading.Event(), threading.Event()
    kept = django_makemigrations.Command.write_migration_files
    errors = []

    def slow(self, *args):
        inside.set()
        assert may_go_on.wait(10)
        kept(self, *args)

    def work():
        try:
            call_command("makemigrations", verbosity=0)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    monkeypatch.setattr(django_makemigrations.Command, "write_migration_files", slow)
    with shop.active():
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert inside.wait(10)
        monkeypatch.undo()
        call_command("makemigrations", dry_run=True, verbosity=0)
        assert django_makemigrations.MigrationWriter is not MigrationWriter
        may_go_on.set()
        thread.join(10)
    assert not errors
    assert django_makemigrations.MigrationWriter is MigrationWriter
    texts = [path.read_text() for path in shop.folder.glob("shop/migrations/0003*")]
    assert "def fill_order_c" in texts[0]


def test_a_half_that_cannot_be_written_leaves_no_other_half(shop):
    old = changed(shop, ORDER + NUMBER)
    name = "a" * 240  # with "_contract" it is longer than a file's name may be
    code, output = run(shop, "makemigrations", "--name", name)
    assert code == 1
    assert "No migration was written" in output
    assert written(shop, old) == {}


def test_an_on_delete_without_a_name(shop):
    target = "class Target(models.Model):\n    pass\n\n"
    changed(shop, target + ORDER)
    run(shop, "makemigrations")
    field = "target = models.ForeignKey(Target, functools.partial(keep), null=True)"
    keep = "import functools\n\n\ndef keep(*args, **kwargs):\n    pass\n\n\n"
    changed(shop, f"{keep}{target}{ORDER}    {field}\n")
    assert run(shop, "makemigrations")[0] == 0
