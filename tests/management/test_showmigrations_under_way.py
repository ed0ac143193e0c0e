"""``showmigrations`` while a deploy is under way."""

from __future__ import annotations

import datetime
import json

import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations
from django.db.migrations.recorder import MigrationRecorder
from django.utils.dateparse import parse_datetime

from tests.support.orders import (
    ABORT,
    NULLABLE,
    PK,
    POST,
    PRE,
    REQUIRED,
    add,
    backdate,
    refused,
    remove,
    write,
)

MOMENT = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.timezone.utc)
SINCE = "2026-11-21 12:00"


def show(project, *arguments, database):
    """Return the list as it would be had all been done at one moment."""
    MigrationRecorder(connections[database]).migration_qs.update(applied=MOMENT)
    backdate(database, MOMENT)
    return project.call("showmigrations", *arguments, database=database, no_color=True)


def shown(project, database):
    out = show(project, "--format", "json", database=database)
    return {each["name"]: each for each in json.loads(out)}


def lines(project, *arguments, database):
    """Return what is said of migrations, without how long they have waited."""
    out = show(project, *arguments, database=database)
    age = ", waiting since "
    found = [
        line.split(age)[0] + ")" if age in line else line for line in out.split("\n")
    ]
    return [line.strip() for line in found if "[ ]" in line]


def test_parts_and_those_ahead(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"), remove("code"))
    write(shop, add("cost"), start=6)
    assert lines(shop, "shop", database=database) == [
        "[ ] 0002  (in parts)",
        "[ ] 0003  (post-deploy, inferred)",
        "[ ] 0004  (pre-deploy, inferred)",
        "[ ] 0005  (in parts)",
        "[ ] 0006  (pre-deploy, inferred)",
    ]
    shop.migrate(PRE, database=database)
    assert lines(shop, "shop", database=database) == [
        f"[ ] 0002  (expand applied {SINCE})",
        "[ ] 0003  (post-deploy, inferred)",
        "[ ] 0004  (applied, ahead of 0002, 0003)",
        f"[ ] 0005  (expand applied {SINCE}, ahead of 0003)",
        "[ ] 0006  (applied, ahead of 0002, 0003, 0005)",
    ]
    plan = lines(shop, "--plan", database=database)
    assert plan[0] == f"[ ]  shop.0002  (expand applied {SINCE})"
    assert plan[2] == "[ ]  shop.0004  (applied, ahead of 0002, 0003)"
    shop.migrate(POST, database=database)
    assert lines(shop, "shop", database=database) == []


def test_json(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    assert shown(shop, database)["0002"]["in_parts"] is True
    assert shown(shop, database)["0003"]["in_parts"] is False
    shop.migrate(PRE, database=database)
    found = shown(shop, database)
    expanded = found["0002"]
    assert expanded["applied"] is False
    assert expanded["part"] == "expand"
    assert expanded["progress"] == "applied"
    assert parse_datetime(expanded["since"]) == MOMENT
    assert expanded["ahead_of"] == []
    assert found["0003"]["part"] == ""
    assert found["0003"]["since"] is None
    ahead = found["0004"]
    assert (ahead["part"], ahead["progress"]) == ("whole", "applied")
    assert ahead["ahead_of"] == ["shop.0002", "shop.0003"]


def test_migrations_of_another_app(shop, database):
    write(shop, remove("price"))
    post = migrations.CreateModel("Post", [PK])
    shop.write("blog", "0001", post, dependencies=[("shop", "0002")])
    shop.migrate(PRE, database=database)
    assert lines(shop, "blog", database=database) == [
        "[ ] 0001  (applied, ahead of shop.0002)"
    ]


@pytest.mark.databases("mysql")
def test_what_has_begun(shop, database):
    broken = migrations.RunSQL("SELECT nothing FROM nowhere", "SELECT 1")
    shop.write("shop", "0002", add("total", REQUIRED), broken)
    refused(shop, "migrate", PRE, database=database)
    assert lines(shop, database=database) == [f"[ ] 0002  (expand begun {SINCE})"]
    shop.write("shop", "0002", add("total", REQUIRED), migrations.RunSQL("SELECT 1"))
    shop.migrate(PRE, database=database)
    assert lines(shop, database=database) == [f"[ ] 0002  (expand applied {SINCE})"]


def test_what_has_failed_is_as_if_it_had_not_begun(shop, database):
    write(shop, add("total", REQUIRED))
    shop.write("shop", "0003", migrations.RunSQL("SELECT nothing FROM nowhere"))
    refused(shop, "migrate", PRE, database=database)
    found = lines(shop, database=database)
    assert found[0] == f"[ ] 0002  (expand applied {SINCE})"
    assert found[1].startswith("[ ] 0003  (any, inferred") or database == "mysql"


def test_what_is_held_keeps_others_ahead(shop, database):
    write(shop, add("total", REQUIRED))
    week = datetime.timedelta(days=999)
    shop.write("shop", "0003", remove("price"), stage_delay=week)
    write(shop, add("weight"), start=4)
    shop.migrate(PRE, database=database)
    shop.migrate(POST, database=database)
    assert lines(shop, database=database) == [
        "[ ] 0003  (post-deploy, inferred)",
        "[ ] 0004  (applied, ahead of 0003)",
    ]


def test_what_is_given_up_is_as_it_was(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    before = lines(shop, database=database)
    shop.migrate(PRE, database=database)
    shop.migrate(ABORT, database=database)
    assert lines(shop, database=database) == before


@pytest.mark.parametrize(
    ("setting", "text"), [("all", "in parts"), ("third-party", "fits no stage")]
)
def test_only_what_will_be_applied_in_parts_says_so(shop, database, setting, text):
    shop.settings = {"MIGRATION_BRIDGE": setting}
    write(shop, add("total", REQUIRED))
    assert lines(shop, database=database) == [f"[ ] 0002  ({text})"]


def test_what_has_no_parts_fits_no_stage(shop, database):
    write(shop, migrations.RenameField("order", "price", "cost"))
    assert lines(shop, database=database) == ["[ ] 0002  (fits no stage)"]


def test_the_next_release_while_this_one_is_under_way(shop, database):
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    write(shop, add("weight", REQUIRED), remove("price"), start=3)
    assert lines(shop, database=database) == [
        f"[ ] 0002  (expand applied {SINCE})",
        "[ ] 0003  (in parts)",
        "[ ] 0004  (post-deploy, inferred)",
    ]


def test_a_ledger_that_names_what_has_no_file(shop, database):
    write(shop, add("total", REQUIRED), add("weight", REQUIRED))
    shop.migrate(PRE, database=database)
    (shop.migrations("shop") / "0003.py").unlink()
    assert lines(shop, database=database) == [f"[ ] 0002  (expand applied {SINCE})"]


@pytest.mark.databases("sqlite")
def test_what_is_wrong_elsewhere_hides_only_what_is_to_come(shop, database):
    write(shop, add("total", REQUIRED), remove("price"), add("weight"))
    shop.migrate(PRE, database=database)
    write(shop, add("cost", REQUIRED), start=5)
    shop.settings["MIGRATION_BRIDGE"] = "everything"
    assert lines(shop, database=database) == [
        f"[ ] 0002  (expand applied {SINCE})",
        "[ ] 0003  (stage unknown)",
        "[ ] 0004  (applied, ahead of 0002, 0003)",
        "[ ] 0005  (stage unknown)",
    ]
    with pytest.raises(CommandError, match="'everything'"):
        shop.migrate(PRE, database=database)


def test_a_deploy_of_another_version_is_told_in_one_line(shop, database):
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    path = shop.migrations("shop") / "0002.py"
    text = path.read_text()
    path.unlink()
    told = "A deploy of another version is under way: shop.0002 has no file here."
    for arguments in ([], ["--plan"], ["shop"]):
        assert show(shop, *arguments, database=database).splitlines()[-1] == told
    found = shown(shop, database)
    assert found["0001_initial"]["has_file"] is True
    assert found["0002"]["has_file"] is False
    assert (found["0002"]["part"], found["0002"]["progress"]) == (
        "expand",
        "applied",
    )
    path.write_text(text)
    shop.migrate(ABORT, database=database)


def test_a_file_that_has_changed_is_told(shop, database):
    write(shop, add("total", REQUIRED))
    shop.migrate(PRE, database=database)
    text = (shop.migrations("shop") / "0002.py").read_text()
    write(shop, add("total", NULLABLE))
    out = show(shop, database=database)
    assert "shop.0002 is not what it was when it was applied" in out
    (shop.migrations("shop") / "0002.py").write_text(text)
    assert "is not what it was" not in show(shop, database=database)
    shop.migrate(ABORT, database=database)


def test_what_was_begun_outside_of_a_deploy(shop, database):
    broken = migrations.RunSQL("SELECT nothing FROM nowhere", "SELECT 1")
    shop.settings["MIGRATION_GUARD"] = "all"
    shop.write("shop", "0002", add("weight"), broken, atomic=False)
    refused(shop, "migrate", database=database)
    text = "[ ] 0002  (begun, operations applied: 1)"
    assert text in show(shop, database=database)
    found = shown(shop, database)["0002"]
    assert (found["part"], found["progress"]) == ("whole", "begun")
    assert (found["operations"], found["backwards"]) == (1, False)
    fine = migrations.RunSQL("SELECT 1", "SELECT nothing FROM nowhere")
    shop.write("shop", "0002", add("weight"), fine, atomic=False)
    shop.migrate(database=database)
    assert "begun" not in show(shop, database=database)
    refused(shop, "migrate", "shop", "0001_initial", database=database)
    out = show(shop, "--plan", database=database)
    assert "[X]  shop.0002  (unapplying begun, operations applied: 2)" in out
    assert shown(shop, database)["0002"]["backwards"] is True
    fine = migrations.RunSQL("SELECT 1", "SELECT 1")
    shop.write("shop", "0002", add("weight"), fine, atomic=False)
    shop.migrate("shop", "0001_initial", database=database)
