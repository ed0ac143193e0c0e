"""How the report of a rehearsal is printed."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.management.color import color_style, no_style
from hypothesis import given
from hypothesis import strategies as st

from syzygy_like import __version__
from syzygy_like.compatibility import RULES
from syzygy_like.rehearsal.formats import FORMATS, render
from syzygy_like.rehearsal.messages.findings import shortened
from syzygy_like.rehearsal.report import (
    DeployProblem,
    Failure,
    Lock,
    Phase,
    Planned,
    Reason,
    Report,
    Statement,
    Step,
    Traffic,
    Unconfirmed,
    Verdict,
    Version,
)

PATH = "shop/migrations/0002_total, v:2.py"
REASON = Reason(
    "required-column",
    "Order.total: the old version leaves it out of INSERT [required-column]",
    "give it a db_default:\r\n\r\n    total = IntegerField(db_default=0)",
)
PREDICTED = Failure(
    "default",
    Version.OLD,
    Phase.WINDOW,
    "shop.Order",
    "INSERT sparse",
    'null value in column "total"\nDETAIL: Failing row contains (1, secret).',
    'INSERT INTO "shop_order"\r\n  ("number")\nVALUES (%s)',
    "shop.0002_total",
    str(Path.cwd() / PATH),
    REASON,
    tuple(f"update total {number}" for number in range(12)),
)
UNPREDICTED = Failure(
    "other",
    Version.NEW,
    Phase.REVERTED,
    "shop.Größe",
    "DELETE 100 %",
    "no such table: größe",
)
TRAFFIC = Traffic(
    "default",
    "shop.0002_total",
    "pre-deploy",
    (
        Statement(
            'ALTER TABLE "shop_order" ALTER COLUMN "total" TYPE bigint USING "total"',
            0.2,
            (
                Lock("shop_order", "ACCESS EXCLUSIVE", 0.1234),
                Lock("shop_line", "SHARE", 1),
            ),
            ("shop_order",),
            ("shop_order", "shop_line"),
        ),
        Statement("SELECT 1", 0.1),
    ),
    Verdict.BLOCKS_ALL,
)


def full() -> Report:
    return Report(
        "the applied migrations",
        [
            Planned("default", "shop.0002_total", "pre-deploy", PATH),
            Planned("other", f"shop.0003_{'x' * 100}", "deferred"),
        ],
        [
            DeployProblem(
                "default", "failed", "no such table: x\r\nat 2", "shop.0003", PATH
            ),
            DeployProblem("other", "not reverted", "shop_order.total is left"),
        ],
        [PREDICTED, UNPREDICTED],
        [
            Unconfirmed("default", Version.NEW, Phase.AFTER, REASON),
            Unconfirmed(
                "default",
                Version.OLD,
                Phase.WINDOW,
                Reason("null-read", "Order.total: may read NULL", hazard=True),
            ),
        ],
        [TRAFFIC],
        [Step("both codes, in the window", 12.34)],
        ["shop.Log has no rows."],
    )


def printed(report: Report, format: str) -> str:
    return render(report, format, no_style())


def of(report: Report, format: str) -> dict:
    return json.loads(printed(report, format))


TEXT = """\
Failures that were not predicted:
  No migration found on other
    The new version fails after reverting: shop.Größe, DELETE 100 % on other
      no such table: größe
  If the migration has RunPython, RunSQL or a custom operation, declare its stage. Otherwise this is
    a bug in syzygy-like. Please report it with the migration and these lines.

Problems of the whole deploy:
  shop.0003: The migration failed.
    no such table: x
    at 2
    The rehearsal made up the rows. If they are the cause, add --rows 0.
  Reverting does not restore the schema of the start on other.
    shop_order.total is left

Failures:
  shop.0002_total ({path})
    The old version fails in the window: shop.Order, INSERT sparse
      INSERT INTO "shop_order" ("number") VALUES (%s)
      null value in column "total"
      and 12 more: update total 0, update total 1, update total 2, update total 3, update total 4,
        ...
    Why: Order.total: the old version leaves it out of INSERT [required-column]
    Fix: give it a db_default:

        total = IntegerField(db_default=0)

Predicted, but nothing failed:
  after the deploy: Order.total: the old version leaves it out of INSERT [required-column]
  hazard: in the window: Order.total: may read NULL [null-read]

Plan:
  Migration{space}  Outcome     On PostgreSQL
  shop.0002_total{space_2}  pre-deploy  blocks reads and writes
  shop.0003_{x} on other  deferred

Traffic on PostgreSQL:
  shop.0002_total (pre-deploy): blocks reads and writes
      Lock              Table       Held
    ALTER TABLE "shop_order" ALTER COLUMN "total" TYPE bigint USING "total"
      ACCESS EXCLUSIVE  shop_order  123.4 ms   rewritten, scanned
      SHARE             shop_line   1000.0 ms  scanned
    SELECT 1

Steps, from the applied migrations:
  both codes, in the window  12.3 s

Not tried:
  shop.Log has no rows.

Not ready to deploy: 14 failures (1 not predicted), 2 deploy problems."""  # noqa: E501


def test_text_says_the_worst_first_and_the_verdict_last():
    assert printed(full(), "text") == TEXT.format(
        path=PATH,
        x="x" * 100,
        space=" " * 110,
        space_2=" " * 104,
    )


def test_text_of_a_rehearsal_in_which_nothing_failed():
    report = Report("main", [Planned("default", "shop.0002", "pre-deploy")])
    assert printed(report, "text") == (
        "Plan:\n"
        "  Migration  Outcome\n"
        "  shop.0002  pre-deploy\n"
        "\n"
        "Nothing failed: 1 pending migration, 0 steps."
    )


def test_text_says_a_reason_once_for_failures_that_share_it():
    report = Report("main", failures=[PREDICTED, PREDICTED])
    assert printed(report, "text").count("Why: ") == 1


def test_text_is_coloured_as_it_is_asked_to_be(monkeypatch):
    monkeypatch.setenv("DJANGO_COLORS", "dark")
    coloured = render(full(), "text", color_style(force_color=True))
    assert coloured != printed(full(), "text")
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == printed(full(), "text")


def test_a_long_query_loses_its_middle():
    query = f"SELECT {'a, ' * 200} FROM shop_order"
    short = shortened(query)
    assert len(short) == 300
    assert short.startswith("SELECT a, a")
    assert " ... " in short
    assert short.endswith(" FROM shop_order")
    assert shortened("x" * 300) == "x" * 300


def test_json_has_the_fields_of_the_report():
    found = of(full(), "json")
    assert list(found) == [
        "version",
        "exit_code",
        "verdict",
        "start",
        "planned",
        "deploy_problems",
        "failures",
        "unconfirmed",
        "traffic",
        "steps",
        "notes",
    ]
    assert (found["version"], found["exit_code"]) == (1, 3)
    predicted, unpredicted = found["failures"]
    assert (predicted["version"], predicted["phase"]) == ("old", "window")
    assert predicted["sql"] == PREDICTED.sql
    assert predicted["reason"]["rule"] == "required-column"
    assert predicted["path"] == PATH
    assert unpredicted["reason"] is None
    assert unpredicted["model"] == "shop.Größe"
    assert found["traffic"][0]["verdict"] == "blocks reads and writes"
    assert found["traffic"][0]["statements"][0]["locks"][0] == {
        "table": "shop_order",
        "mode": "ACCESS EXCLUSIVE",
        "seconds": 0.1234,
    }


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (Report("main"), 0),
        (Report("main", failures=[PREDICTED]), 1),
        (Report("main", deploy_problems=[DeployProblem("default", "schema", "")]), 1),
        (full(), 3),
    ],
)
def test_the_exit_code_is_in_json_and_sarif(report, code):
    assert of(report, "json")["exit_code"] == code
    (run,) = of(report, "sarif")["runs"]
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": code}]


def test_github_output_of_a_full_report():
    lines = printed(full(), "github").split("\n")
    assert [line.split(" ")[0] for line in lines] == [
        *["::error"] * 4,
        *["::warning"] * 2,
        "::notice",
    ]
    unpredicted, failed, _, predicted, blocking, _, notice = lines
    assert unpredicted.startswith(
        "::error title=no migration found on other%3A not predicted::"
        "The new version fails after reverting: shop.Größe, DELETE 100 %25 on other%0A"
    )
    file = "file=shop/migrations/0002_total%2C v%3A2.py,line=1,title="
    assert failed == (
        f"::error {file}shop.0003%3A The migration failed.::no such table: x%0D%0Aat 2"
    )
    assert predicted.startswith(
        f"::error {file}shop.0002_total%3A required-column::The old version fails"
    )
    assert '%0AINSERT INTO "shop_order" ("number") VALUES (%25s)%0A' in predicted
    assert blocking.startswith(f"::warning {file}shop.0002_total::On PostgreSQL")
    assert notice == (
        "::notice title=migrate rehearsal::Not ready to deploy: "
        "14 failures (1 not predicted), 2 deploy problems."
    )


def test_github_gives_no_file_outside_of_the_working_directory(tmp_path):
    failure = dataclasses.replace(PREDICTED, path=str(tmp_path / "0001.py"))
    first, _ = printed(Report("main", failures=[failure]), "github").split("\n")
    assert first.startswith("::error title=")


def test_paths_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failure = dataclasses.replace(PREDICTED, path=str(tmp_path / "shop" / "ü.py"))
    report = Report("main", failures=[failure])
    assert "file=shop/ü.py," in printed(report, "github")
    (result,) = of(report, "sarif")["runs"][0]["results"]
    assert uri(result) == "shop/%C3%BC.py"


def uri(result: dict) -> str:
    (location,) = result["locations"]
    return location["physicalLocation"]["artifactLocation"]["uri"]


def test_sarif_has_a_result_for_each_failure_and_deploy_problem():
    log = of(full(), "sarif")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("syzygy-like", __version__)
    ids = ["unpredicted", "failed", "not-reverted", "required-column"]
    assert [rule["id"] for rule in driver["rules"]] == ids
    results = run["results"]
    assert [result["ruleId"] for result in results] == ids
    assert [result["ruleIndex"] for result in results] == [0, 1, 2, 3]
    assert results[0]["properties"]["predicted"] is False
    assert results[3]["properties"]["predicted"] is True
    assert unquote(uri(results[3])) == PATH
    assert uri(results[0]) == "manage.py"


def test_sarif_rules_say_what_breaks():
    (run,) = of(full(), "sarif")["runs"]
    texts = [rule["fullDescription"]["text"] for rule in run["tool"]["driver"]["rules"]]
    assert texts[0] == "This failure was not predicted."
    assert texts[1] == "The migration failed."
    assert texts[3] == RULES["required-column"].what_breaks.replace("``", "`")


def test_sarif_knows_a_failure_again_whatever_the_database_says_of_it():
    def prints(*failures):
        (run,) = of(Report("main", failures=list(failures)), "sarif")["runs"]
        return [result["partialFingerprints"] for result in run["results"]]

    again = dataclasses.replace(PREDICTED, error="row 2", path="elsewhere.py")
    other = dataclasses.replace(PREDICTED, model="shop.Line")
    assert prints(PREDICTED) == prints(again)
    assert prints(PREDICTED) != prints(other)


# The part of the SARIF 2.1.0 schema that is used: each property, and whether it has
# to be there. Its objects allow no others, but for property bags.
ARTIFACT = {"uri": (str, True), "uriBaseId": (str, False)}
PLACE = {
    "artifactLocation": (ARTIFACT, False),
    "region": ({"startLine": (int, False)}, False),
}
MESSAGE = {"text": (str, True)}
RESULT = {
    "ruleId": (str, False),
    "ruleIndex": (int, False),
    "level": (str, False),
    "message": (MESSAGE, True),
    "locations": ([{"physicalLocation": (PLACE, False)}], False),
    "partialFingerprints": (dict, False),
    "properties": (dict, False),
}
RULE = {
    "id": (str, True),
    "shortDescription": (MESSAGE, False),
    "fullDescription": (MESSAGE, False),
    "help": (MESSAGE, False),
    "defaultConfiguration": ({"level": (str, False)}, False),
}
DRIVER = {"name": (str, True), "version": (str, False), "rules": ([RULE], False)}
RUN = {
    "tool": ({"driver": (DRIVER, True)}, True),
    "invocations": (
        [{"executionSuccessful": (bool, True), "exitCode": (int, False)}],
        False,
    ),
    "results": ([RESULT], False),
}
LOG = {"$schema": (str, False), "version": (str, True), "runs": ([RUN], True)}


def conforms(value, shape) -> bool:
    if isinstance(shape, type):
        return isinstance(value, shape)
    if isinstance(shape, list):
        return all(conforms(each, shape[0]) for each in value)
    return value.keys() <= shape.keys() and all(
        conforms(value[name], part) if name in value else not required
        for name, (part, required) in shape.items()
    )


texts = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "%s\r\n::error::x",
        "{}",
        "x" * 400,
        "shop.0001",
        "a/../../b",
        "\x00",
        "\ud800",
    ]
)
names = st.sampled_from(["default", "other"])
amounts = st.floats(0, 1e6)
reasons = st.builds(
    Reason, texts | st.sampled_from(list(RULES)), texts, texts, st.booleans()
)
versions, phases = st.sampled_from(Version), st.sampled_from(Phase)
tables = st.lists(texts, max_size=2).map(tuple)
locks = st.lists(st.builds(Lock, texts, texts, amounts), max_size=2).map(tuple)
statements = st.builds(Statement, texts, amounts, locks, tables, tables)
stages = st.sampled_from(["pre-deploy", "post-deploy", "migrate"])
several = st.lists(statements, max_size=2).map(tuple)
reports = st.builds(
    Report,
    texts,
    st.lists(st.builds(Planned, names, texts, texts, texts), max_size=2),
    st.lists(st.builds(DeployProblem, names, texts, texts, texts, texts), max_size=2),
    st.lists(
        st.builds(
            Failure,
            names,
            versions,
            phases,
            *[texts] * 6,
            reason=st.none() | reasons,
            others=tables,
        ),
        max_size=3,
    ),
    st.lists(st.builds(Unconfirmed, names, versions, phases, reasons), max_size=2),
    st.lists(
        st.builds(Traffic, names, texts, stages, several, st.sampled_from(Verdict)),
        max_size=2,
    ),
    st.lists(st.builds(Step, texts, amounts), max_size=2),
    st.lists(texts, max_size=2),
)


@given(reports)
def test_any_report_is_printed(report):
    found = {format: printed(report, format) for format in FORMATS}
    assert "\r" not in found["text"]
    json.loads(found["json"])
    for line in re.split(r"\r|\n", found["github"]):
        assert re.match(r"::(error|warning|notice) ([a-z]+=[^:,]*,?)+::", line)
    log = json.loads(found["sarif"])
    assert conforms(log, LOG)
    assert log["version"] == "2.1.0"
    count = len(report.failures) + len(report.deploy_problems)
    assert len(log["runs"][0]["results"]) == count
