"""A rehearsal that finds nothing, and what it leaves as it was."""

from __future__ import annotations

import json

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from tests.rehearsal.test_scratch import unchanged
from tests.support.orders import (
    ORDER,
    PK,
    REQUIRED,
    add,
    alter,
    execute,
    refused,
    remove,
    write,
)
from tests.support.projects import applied, physical
from tests.support.rehearsals import rehearse, run

TO_ORDER = models.ForeignKey("shop.Order", models.CASCADE)
LINE = migrations.CreateModel(
    "Line",
    [
        PK,
        ("others", models.ManyToManyField("self")),
    ],
)


@pytest.fixture
def pending(shop):
    """A shop with migrations for both sides of the deploy."""
    write(shop, add("size"), LINE, remove("note"))
    return shop


def insert(database):
    execute(database, "INSERT INTO shop_order (price, code) VALUES (7, 'a')")


def test_a_clean_plan(pending, database):
    found = rehearse(pending, database)
    assert found.is_clean, found
    assert found.outcomes == {
        "shop.0002": ["pre-deploy"],
        "shop.0003": ["pre-deploy"],
        "shop.0004": ["post-deploy"],
    }
    assert found.report["start"] == f"what is applied on {database!r}"
    assert found.report["notes"] == []


def test_the_real_database_stays_as_it_is(pending, database):
    insert(database)
    before = physical(database), applied(database)
    with unchanged(database):
        assert rehearse(pending, database).code == 0
    assert (physical(database), applied(database)) == before
    assert execute(database, "SELECT price, code FROM shop_order") == [(7, "a")]


def test_the_steps_are_told_and_timed(pending, database):
    found = rehearse(pending, database)
    texts = [each["text"] for each in found.report["steps"]]
    assert [line.removesuffix("...") for line in found.told.splitlines()] == texts
    assert "Running migrate --pre-deploy" in texts
    assert all(each["seconds"] >= 0 for each in found.report["steps"])
    assert rehearse(pending, database, verbosity=0).told == ""


def test_nothing_is_pending(shop, database):
    found = rehearse(shop, database)
    assert found.is_clean
    assert found.report["planned"] == []
    assert "nothing to rehearse" in found.report["notes"][0]


def test_an_empty_database(project, database):
    project.write("shop", "0001_initial", ORDER)
    write(project, add("size", REQUIRED), alter("code", models.TextField()))
    found = rehearse(project, database)
    assert found.is_clean, found
    assert set(found.outcomes) == {"shop.0001_initial", "shop.0002", "shop.0003"}


def test_from_names(pending, database):
    found = rehearse(pending, database, names=["shop.0002"])
    assert found.is_clean
    assert list(found.outcomes) == ["shop.0003", "shop.0004"]
    assert found.report["start"] == "shop.0002"
    zero = rehearse(pending, database, names=["shop.zero"])
    assert zero.is_clean
    assert len(zero.outcomes) == 4


def test_all_models_and_a_contrast(pending, database):
    found = rehearse(pending, database, all_models=True, contrast=True)
    assert found.code == 0
    assert {each["phase"] for each in found.report["failures"]} == {"plain"}
    assert {each["migration"] for each in found.report["failures"]} == {"shop.0004"}
    rules = {each["reason"]["rule"] for each in found.report["failures"]}
    assert rules == {"missing-column"}


@pytest.mark.databases("sqlite")
def test_both_formats_say_the_same(shop, database):
    shop.write("shop", "0002", remove("note"))
    options = {"database": [database], "contrast": True, "rows": 2}
    code, out, _ = run(shop, format="text", **options)
    found = json.loads(run(shop, format="json", **options)[1])
    assert code == 0
    assert found["verdict"] in out
    for each in found["failures"]:
        assert each["migration"] in out
        assert each["reason"]["rule"] in out
    assert run(shop, format="github", **options)[1].startswith("::")
    assert json.loads(run(shop, format="sarif", **options)[1])["version"] == "2.1.0"


@pytest.mark.databases("sqlite")
def test_the_report_goes_to_a_file(pending, database, tmp_path):
    path = tmp_path / "report.json"
    code, out, _ = run(
        pending, database=[database], format="json", output=str(path), rows=2
    )
    assert (code, out) == (0, "")
    assert json.loads(path.read_text())["exit_code"] == 0


@pytest.mark.databases("sqlite")
def test_a_folder_for_the_report_that_is_not_there(pending, database, tmp_path):
    path = tmp_path / "nowhere" / "report.json"
    said = refused(pending, "rehearse", database=[database], output=str(path))
    assert str(path) in said
    assert "this file cannot be written" in said


@pytest.mark.databases("sqlite")
def test_nonsense_is_refused(shop, database):
    assert "--rows" in refused(shop, "rehearse", rows=-1, database=[database])
    assert "'nowhere'" in refused(shop, "rehearse", database=["nowhere"])
    assert "zero" in refused(shop, "rehearse", names=["shop"], database=[database])
    assert "--from shop.0009" in refused(
        shop, "rehearse", names=["shop.0009"], database=[database]
    )


@pytest.mark.databases("sqlite")
def test_translations_do_not_matter(pending, database):
    pending.settings |= {"LANGUAGE_CODE": "de", "USE_I18N": True}
    found = rehearse(pending, database)
    assert found.is_clean, found


def test_rows_that_protect_what_old_code_deletes_are_a_hazard(shop, database):
    key = models.ForeignKey("shop.Order", models.PROTECT)
    shop.write("shop", "0002", migrations.CreateModel("Line", [PK, ("order", key)]))
    shop.settings = {"MIGRATION_BRIDGE": "all"}
    found = rehearse(shop, database)
    assert found.code == 0
    (failure,) = found.report["failures"]
    assert (failure["action"], failure["migration"]) == ("DELETE", "shop.0002")
    reason = failure["reason"]
    assert (reason["rule"], reason["hazard"]) == ("protected-delete", True)


def test_rows_that_refer_to_what_old_code_deletes_are_a_hazard(shop, database):
    shop.write(
        "shop", "0002", migrations.CreateModel("Line", [PK, ("order", TO_ORDER)])
    )
    found = rehearse(shop, database)
    assert found.code == 0
    (failure,) = found.report["failures"]
    assert (failure["action"], failure["migration"]) == ("DELETE", "shop.0002")
    assert (failure["reason"]["rule"], failure["reason"]["hazard"]) == (
        "blocked-delete",
        True,
    )


# Before the statement runs, migrate asks for an index that a killed build has left.
@pytest.mark.databases("postgresql")
def test_an_index_that_is_built_concurrently(shop, database):
    index = models.Index(fields=["code"], name="shop_order_code")
    operation = AddIndexConcurrently("order", index)
    shop.write("shop", "0002_index", operation, atomic=False)
    found = rehearse(shop, database)
    assert found.is_clean, found
    (traffic,) = found.report["traffic"]
    assert traffic["verdict"] == "online"
