"""The text of migration files, edited."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syzygy_like.makemigrations.split.edits import Change, commented, rewritten
from syzygy_like.makemigrations.split.source import Fault, RewritingError, Source

HEAD = "from django.db import migrations\n\n\n"
FILE = HEAD + "class Migration(migrations.Migration):\n    operations = {}\n"


def operations(text, entries, count=3, imports=()):
    """Return the list of a file, edited."""
    source = Source(FILE.format(text))
    new = rewritten(source, [Change("operations", count, entries)], imports)
    return new.partition("    operations = ")[2].removesuffix("\n")


@pytest.mark.parametrize(
    ("old", "entries", "new"),
    [
        ("[A, B, C]", [1], "[B]"),
        ("[A, B, C]", [2, 0], "[C, A]"),
        ("[A, B, C,]", ["X", 2], "[X, C]"),
        ("[(A), B(1, [2]), {C: f(x, y)}]", [1, 2], "[B(1, [2]), {C: f(x, y)}]"),
        ("[ä, 'ö, ü', C]", [1], "['ö, ü']"),
        (
            "[A, B, C]",
            [0, "X(\n    1,\n)"],
            "[\n        A,\n        X(\n            1,\n        ),\n    ]",
        ),
        (
            "[\n        A,\n        B,\n        C,\n    ]",
            [1, "X"],
            "[\n        B,\n        X,\n    ]",
        ),
        (
            "[\n        A,  # a\n        # b, 1\n        B,\n        C  # c\n    ]",
            [1, 2],
            "[\n        # b, 1\n        B,\n        C,  # c\n    ]",
        ),
        (
            "[  # head\n        A,\n\n        B(\n            1,  # one\n        ),\n"
            "        C,\n        # tail\n    ]",
            [1],
            "[  # head\n\n        B(\n            1,  # one\n        ),\n"
            "        # tail\n    ]",
        ),
        ("[A,\n     B,\n     C]", [0, 2], "[\n     A,\n     C,\n    ]"),
        (
            "[A,  # a\n     # c\n     B, C]",
            [0, 2],
            "[\n        A,  # a\n        C,\n    ]",
        ),
        (
            "[\n        A, B,  # both\n        C]",
            [1, 2],
            "[\n        B,  # both\n        C,\n    ]",
        ),
    ],
)
def test_elements_are_taken_out_and_put_in(old, entries, new):
    assert operations(old, entries) == new


@given(st.lists(st.sampled_from([0, 1, 2, "X", "Y(\n    1,\n)"]), min_size=1))
@pytest.mark.parametrize(
    "old",
    [
        "[A, B, C]",
        "[A,\n B, C,\n]",
        "[\n  A, # ]\n  # [\n  B\n  ,\n C # ,\n]",
        "[\n        A,\r\n\tB,\n        C]",
        '["""A\n,""",\n        B,\n        C(\n),  # d\n\n # e\n    ]',
    ],
)
def test_any_elements_can_be_had(old, entries):
    def elements(text):
        return ast.parse(text.replace("\r", "").strip(), mode="eval").body.elts

    there = [ast.dump(each) for each in elements(old)]
    wanted = [
        there[each] if isinstance(each, int) else ast.dump(elements(f"[{each}]")[0])
        for each in entries
    ]
    new = operations(old, entries)
    assert [ast.dump(each) for each in elements(new)] == wanted


def test_lines_end_as_they_did():
    text = FILE.format("[\n        A,\n        B,\n    ]").replace("\n", "\r\n")
    change = Change("operations", 2, ["X(\n    1,\n)", 1])
    new = rewritten(Source(text), [change], ["import x"])
    assert "X(\r\n            1,\r\n        ),\r\n        B,\r\n" in new
    assert "import migrations\r\nimport x\r\n\r\n" in new
    assert new.count("\n") == new.count("\r\n")


def test_an_attribute_that_is_not_there_is_added_above_the_others():
    text = (
        HEAD + 'class Migration(migrations.Migration):\n    """It."""\n\n    a = [A]\n'
    )
    new = rewritten(Source(text), [Change("b", 0, ["1"])])
    assert new == text.replace("    a =", "    b = [\n        1,\n    ]\n\n    a =")


def test_an_empty_list_is_filled():
    assert operations("[]", ["X"], 0) == "[\n        X,\n    ]"
    old = "[\n        # nothing\n    ]"
    assert operations(old, ["X"], 0) == "[\n        X,\n        # nothing\n    ]"


@pytest.mark.parametrize(
    ("text", "fault", "line"),
    [
        ("class Migration(:\n", Fault.UNREADABLE, 1),
        ("operations = [A]\n", Fault.NO_CLASS, 0),
        (FILE.format("[A, *B]"), Fault.NO_LIST, 5),
        (FILE.format("[A] + [B]"), Fault.NO_LIST, 5),
        (FILE.format("[x for x in y]"), Fault.NO_LIST, 5),
        (FILE.format("(A, B)"), Fault.NO_LIST, 5),
        (FILE.format("[A]"), Fault.OTHER_LENGTH, 5),
        (FILE.format("[A, B]\n    operations += [C]"), Fault.USED_ELSEWHERE, 6),
        (FILE.format("[A, B]\n    operations = [C]"), Fault.USED_ELSEWHERE, 6),
        (FILE.format("[A, B]\n    operations[0].x = 1"), Fault.USED_ELSEWHERE, 6),
        (FILE.format("[A, B]\nMigration.operations.pop()"), Fault.USED_ELSEWHERE, 6),
        (HEAD + "class Migration: a = 1\n", Fault.NO_LIST, 4),
    ],
)
def test_what_cannot_be_edited_is_refused(text, fault, line):
    with pytest.raises(RewritingError) as caught:
        rewritten(Source(text), [Change("operations", 2, [1])])
    assert (caught.value.fault, caught.value.line) == (fault, line)


@pytest.mark.parametrize(
    ("there", "needed", "lines"),
    [
        ("", ["from django.db import models"], ["from django.db import models"]),
        ("from django.db import models", ["from django.db import models"], []),
        ("", ["from django.db import migrations, models"], None),
        ("from django.contrib.gis.db import models", None, []),
        ("import a.b", ["import a.b"], []),
        ("import a", ["import a.b"], ["import a.b"]),
        ("from x import models as m", None, ["from django.db import models"]),
        ("if x:\n    from django.db import models", None, None),
    ],
)
def test_imports_that_are_missing_are_added(there, needed, lines):
    needed = ["from django.db import models"] if needed is None else needed
    lines = ["from django.db import models"] if lines is None else lines
    head = f"from django.db import migrations\n{there}\n"
    text = f"{head}\n\nclass Migration(migrations.Migration):\n    operations = [A]\n"
    new = rewritten(Source(text), [Change("operations", 1, [0])], needed)
    added = [line for line in new.splitlines() if line not in text.splitlines()]
    expected = [each for each in lines if each not in text.splitlines()]
    assert added == expected
    if there.startswith("from") and added:
        assert new.startswith(f"{head}{added[0]}\n")


@pytest.mark.parametrize(
    "there",
    ["from x import models", "models = 1", "def models(): pass", "import x as models"],
)
def test_a_name_is_not_given_another_meaning(there):
    text = f"{there}\n{FILE.format('[A]')}"
    change = Change("operations", 1, [0])
    with pytest.raises(RewritingError) as caught:
        rewritten(Source(text), [change], ["from django.db import models"])
    assert caught.value.fault is Fault.NAME_TAKEN
    assert caught.value.name == "models"


def test_comments_are_put_above_elements():
    source = Source(
        FILE.format("[\n        A,\n        B(\n            1,\n        )\n    ]")
    )
    new = commented(source, "operations", 2, {1: ["# one", "# two"], 0: []})
    assert new == FILE.format(
        "[\n        A,\n        # one\n        # two\n        B(\n            1,\n"
        "        ),\n    ]"
    )


def test_all_comments_of_an_element_are_known():
    text = (
        "[\n        # a\n        A(  # b\n            1,\n        ),  # c\n  B,\n    ]"
    )
    literal = Source(FILE.format(text)).literal("operations", 2)
    assert [item.comments for item in literal.items] == [("# a", "# b", "# c"), ()]
