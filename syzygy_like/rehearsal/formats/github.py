"""
A report as workflow commands of GitHub Actions, which it shows beside the files.

The commands are those of "Workflow commands for GitHub Actions" in GitHub's
documentation; what has to be escaped is in ``packages/core/src/command.ts`` of its
``actions/toolkit``.
"""

from __future__ import annotations

from syzygy_like.rehearsal.messages import findings
from syzygy_like.rehearsal.report import Failure, Report, Verdict

TITLE = "migrate rehearsal"


def render(report: Report) -> str:
    """Return a command a line: errors, warnings, and the verdict as a notice."""
    return "\n".join(
        [
            *_errors(report),
            *_warnings(report),
            _command("notice", TITLE, findings.verdict(report)),
        ]
    )


def _errors(report: Report) -> list[str]:
    # GitHub shows ten of a kind: what nothing had predicted comes first.
    counted = [each for each in report.failures if each.reason and each.counts]
    disagreements, rest = (
        [_of_failure("error", each) for each in some]
        for some in (report.disagreements, counted)
    )
    deploy_problems = [
        _command("error", findings.deploy_problem(each), each.text, each.path)
        for each in report.deploy_problems
    ]
    return [*disagreements, *deploy_problems, *rest]


def _warnings(report: Report) -> list[str]:
    paths = {(each.database, each.migration): each.path for each in report.planned}
    blocking = [
        _command(
            "warning",
            findings.named(each.migration, each.database),
            findings.blocking(each),
            paths.get((each.database, each.migration), ""),
        )
        for each in report.traffic
        if each.verdict is not Verdict.ONLINE
    ]
    unconfirmed = [
        _command("warning", findings.UNCONFIRMED, findings.unconfirmed(each))
        for each in report.unconfirmed
        if not each.reason.hazard
    ]
    others = [
        _of_failure("warning", each)
        for each in report.failures
        if each.reason and not each.counts
    ]
    return [*others, *blocking, *unconfirmed]


def _of_failure(name: str, failure: Failure) -> str:
    title, text = findings.title(failure), findings.describe(failure)
    return _command(name, title, text, failure.path)


def _command(name: str, title: str, message: str, path: str = "") -> str:
    file = {"file": path, "line": "1"} if path else {}
    properties = {**file, "title": title}
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
