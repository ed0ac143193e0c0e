"""The questions of makemigrations: Django's, in Django's order, and then a choice."""

from __future__ import annotations

import io

import pytest
from django.core.management.commands import makemigrations as django_makemigrations
from django.db import connections

from tests.support.deployment_projects import copy, run, write_models, written
from tests.support.projects import Project

pytestmark = pytest.mark.databases("sqlite")

PRICE = "    price = models.IntegerField()\n"
COST = PRICE.replace("price", "cost")
ORDER = "class Order(models.Model):\n"
BLANK = ORDER + "    pass\n"
QUESTIONS = {
    "additions": (
        BLANK,
        ORDER + PRICE + COST + "    made = models.DateTimeField(auto_now_add=True)\n",
        ["1", "5", "1", "six", "6", "1", ""],
    ),
    "quit": (BLANK, ORDER + PRICE, ["2"]),
    "exit": (BLANK, ORDER + PRICE, ["1", "exit"]),
    "nulls": (
        ORDER + "    price = models.IntegerField(null=True)\n",
        ORDER + PRICE + COST,
        ["4", "1", "7", "1", "8"],
    ),
    "unique": (
        BLANK,
        "import uuid\n" + ORDER + "    ref = models.UUIDField(default=uuid.uuid4, "
        "unique=True)\n",
        ["1"],
    ),
    "unique, quit": (
        BLANK,
        "import uuid\n" + ORDER + "    ref = models.UUIDField(default=uuid.uuid4, "
        "unique=True)\n",
        ["2"],
    ),
    "not renamed": (ORDER + PRICE, ORDER + COST, ["", "1", "9"]),
    "models not renamed": (
        ORDER + PRICE,
        ORDER.replace("Order", "Sale") + PRICE,
        ["n"],
    ),
}  # fmt: skip
RENAMED = {
    "field": (ORDER + PRICE, ORDER + COST, "db_column"),
    "model": (ORDER + PRICE, ORDER.replace("Order", "Sale") + PRICE, "db_table"),
}
NO_BRIDGE = (ORDER + PRICE, ORDER + "    price = models.DateField()\n")


@pytest.fixture
def shop(tmp_path, database):
    return Project(tmp_path / "shop")


def change(project, old, new):
    """Make migrations of old models, change them; return the project as it was."""
    write_models(project, {"shop": old})
    assert run(project, "makemigrations")[0] == 0
    before = copy(project, "before")
    write_models(project, {"shop": new})
    return before


def asked(project, before, answers, monkeypatch, command="makemigrations", end=None):
    """Return the exit code, what is said before files are, and how many were given."""
    left = [*answers]

    def answer(prompt=""):
        assert prompt == ""
        if not left and end is not None:
            raise end
        return left.pop(0)

    with monkeypatch.context() as patch:
        # After the answers of ``run``, which has to take the command for interactive.
        patch.setattr(
            "tests.support.deployment_projects.scripted", lambda *args: answer
        )
        code, output = run(project, command, answers=("any",))
    said = output.partition("Migrations for")[0]
    return code, said, len(left), bool(written(project, before))


@pytest.mark.parametrize("case", QUESTIONS)
def test_djangos_questions_come_once_and_in_djangos_order(shop, monkeypatch, case):
    old, new, answers = QUESTIONS[case]
    before = change(shop, old, new)
    stock = copy(shop, "stock")
    command = django_makemigrations.Command()
    expected = asked(stock, before, answers, monkeypatch, command)
    assert asked(shop, before, answers, monkeypatch) == expected
    assert expected[2] == 0


@pytest.mark.parametrize("end", [EOFError(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("case", QUESTIONS)
def test_an_end_at_djangos_questions_is_djangos(shop, monkeypatch, case, end):
    old, new, answers = QUESTIONS[case]
    before = change(shop, old, new)
    stock = copy(shop, "stock")
    command = django_makemigrations.Command()
    for number in range(len(answers)):
        found = []
        for each, project in ((command, stock), ("makemigrations", shop)):
            try:
                found.append(
                    asked(project, before, answers[:number], monkeypatch, each, end)
                )
            except KeyboardInterrupt:
                found.append("interrupted")
        assert found[0] == found[1]
        assert not written(shop, before)


@pytest.mark.parametrize("case", RENAMED)
@pytest.mark.parametrize(
    "answers", [["1"], [""], ["y", "9", ""], ["0", "-1", "²"], ["y"] * 3, ["1.0", "1"]]
)
def test_wrong_answers_about_a_rename_end(shop, monkeypatch, case, answers):
    old, new, words = RENAMED[case]
    before = change(shop, old, new)
    code, said, left, wrote = asked(shop, before, ["y", *answers], monkeypatch)
    assert (code, left, wrote) == (3, 0, False)
    assert f"Add {words}" in said


@pytest.mark.parametrize("case", RENAMED)
def test_nobody_is_there_to_answer_about_a_rename(shop, monkeypatch, case):
    before = change(shop, *RENAMED[case][:2])
    code, *_, wrote = asked(shop, before, ["y"], monkeypatch, end=EOFError())
    assert (code, wrote) == (3, False)


@pytest.mark.parametrize("case", RENAMED)
def test_ctrl_c_at_the_choice_about_a_rename(shop, monkeypatch, case):
    before = change(shop, *RENAMED[case][:2])
    end = KeyboardInterrupt()
    code, said, _, wrote = asked(shop, before, ["y"], monkeypatch, end=end)
    assert (code, wrote) == (1, False)
    assert said.endswith("\nCancelled.\n")


def test_a_rename_that_is_made_all_the_same(shop, monkeypatch):
    for number, case in ((3, "field"), (2, "model")):
        project = Project(shop.folder.parent / case / "shop")
        project.folder.parent.mkdir()
        before = change(project, *RENAMED[case][:2])
        answers = ["y", str(number)]
        code, said, left, wrote = asked(project, before, answers, monkeypatch)
        assert (code, left, wrote) == (0, 0, True)
        assert "queries of the old version fail until it is gone" in said
        assert "stage = Stage.PRE_DEPLOY" in "".join(written(project, before).values())
        assert run(project, "makemigrations", "--check")[0] == 0


def test_a_copied_field_needs_no_default(shop, monkeypatch, database):
    before = change(shop, ORDER + PRICE, ORDER + COST)
    shop.migrate(database=database)
    with connections[database].cursor() as cursor:
        cursor.execute("INSERT INTO shop_order (price) VALUES (3)")
    code, _, left, _ = asked(shop, before, ["y", "2"], monkeypatch)
    assert (code, left) == (0, 0)
    assert [name.rpartition("_")[2] for name in written(shop, before)] == [
        "expand",
        "copy",
        "contract",
    ]
    shop.migrate("--pre-deploy", database=database)
    with connections[database].cursor() as cursor:
        cursor.execute("INSERT INTO shop_order (price) VALUES (4)")
        cursor.execute("INSERT INTO shop_order (cost) VALUES (5)")
        shop.migrate("--post-deploy", database=database)
        cursor.execute("SELECT cost FROM shop_order ORDER BY id")
        assert cursor.fetchall() == [(3,), (4,), (5,)]


def test_a_one_off_default_is_for_the_rows_that_exist(shop, monkeypatch, database):
    before = change(shop, BLANK, ORDER + PRICE)
    shop.migrate(database=database)
    asked(shop, before, ["1", "17"], monkeypatch)
    (expand, contract) = written(shop, before).values()
    assert "db_default=17" in expand
    assert "preserve_default=False" in contract
    with connections[database].cursor() as cursor:
        cursor.execute("INSERT INTO shop_order DEFAULT VALUES")
        shop.migrate("--pre-deploy", database=database)
        cursor.execute("INSERT INTO shop_order DEFAULT VALUES")
        shop.migrate("--post-deploy", database=database)
        cursor.execute("SELECT price FROM shop_order")
        assert cursor.fetchall() == [(17,), (17,)]


def test_a_rename_in_one_app_and_none_in_the_other(shop, monkeypatch):
    """A question names no app: an answer about one would count for the other."""
    write_models(shop, {"blog": ORDER + PRICE})
    before = change(shop, ORDER + PRICE, ORDER + COST)
    write_models(shop, {"blog": ORDER + COST})
    code, said, _, wrote = asked(shop, before, ["y", "n", "1", "7", "2"], monkeypatch)
    assert (code, wrote) == (3, False)
    assert "run makemigrations blog first, then for shop." in said


def test_scriptable_asks_elsewhere(shop, monkeypatch):
    change(shop, ORDER + PRICE, ORDER + COST)
    monkeypatch.chdir(shop.folder)
    monkeypatch.setattr("builtins.input", iter(["y", "2"]).__next__)
    errors = io.StringIO()
    options = {"interactive": True, "stderr": errors}
    out = shop.call("makemigrations", "--scriptable", **options)
    assert [line.rpartition("_")[2] for line in out.splitlines()] == [
        "expand.py",
        "copy.py",
        "contract.py",
    ]
    assert "Select an option [1]: " in errors.getvalue()


@pytest.mark.parametrize("answer", ["", "n", "no", "1", EOFError(), "y"])
def test_a_change_without_a_bridge(shop, monkeypatch, answer):
    before = change(shop, *NO_BRIDGE)
    given, end = ([answer], None) if isinstance(answer, str) else ([], answer)
    code, said, left, wrote = asked(shop, before, given, monkeypatch, end=end)
    assert (code, left, wrote) == ((0, 0, True) if answer == "y" else (3, 0, False))
    assert "Order.price cannot change in one release" in said


def test_a_change_without_a_bridge_and_nobody_there(shop):
    before = change(shop, *NO_BRIDGE)
    for arguments in ([], ["--check"], ["--dry-run"]):
        code, output = run(shop, "makemigrations", *arguments)
        assert code == 3
        assert "Order.price cannot change in one release" in output
    assert not written(shop, before)


def test_ctrl_c_at_a_change_without_a_bridge(shop, monkeypatch):
    before = change(shop, *NO_BRIDGE)
    end = KeyboardInterrupt()
    code, _, _, wrote = asked(shop, before, [], monkeypatch, end=end)
    assert (code, wrote) == (1, False)
