"""
A report as SARIF 2.1.0 (OASIS Standard), with what GitHub's code scanning asks for.

See "SARIF support for code scanning" in GitHub's documentation.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

import syzygy_like
from syzygy_like.rehearsal.messages import findings
from syzygy_like.rehearsal.report import DeployProblem, Failure, Report

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# Code scanning takes no result without a file: this one stands for the project.
PROJECT = "manage.py"

Data = dict[str, Any]


def render(report: Report) -> str:
    """Return a log of one run, a result for each finding that counts, in ASCII."""
    predicted = [each for each in report.failures if each.reason]
    results = [
        *map(_failure, report.disagreements),
        *map(_deploy_problem, report.deploy_problems),
        *map(_failure, predicted),
    ]
    rules = list(dict.fromkeys(result["ruleId"] for result in results))
    driver = {
        "name": "syzygy-like",
        "version": syzygy_like.__version__,
        "rules": [_rule(id) for id in rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "exitCode": report.exit_code}],
        "results": [
            {**result, "ruleIndex": rules.index(result["ruleId"])} for result in results
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2)


def _failure(failure: Failure) -> Data:
    rule = failure.reason.rule if failure.reason else "unpredicted"
    what = {
        "database": failure.database,
        "migration": failure.migration,
        "version": failure.version.value,
        "phase": failure.phase.value,
        "model": failure.model,
        "action": failure.action,
    }
    properties = {**what, "predicted": failure.reason is not None}
    result = _result(rule, findings.describe(failure), failure.path, what, properties)
    is_error = failure.counts or failure.reason is None
    return {**result, "level": "error" if is_error else "warning"}


def _deploy_problem(problem: DeployProblem) -> Data:
    what = {"database": problem.database, "migration": problem.migration}
    text = "\n".join(filter(None, (findings.deploy_problem(problem), problem.text)))
    return _result(problem.kind.replace(" ", "-"), text, problem.path, what, what)


def _result(rule: str, text: str, path: str, what: Data, properties: Data) -> Data:
    """Return a result that is known again by its rule and by ``what`` it is about."""
    file = {
        "uri": quote(path or PROJECT, errors="surrogateescape"),
        "uriBaseId": "%SRCROOT%",
    }
    place = {"artifactLocation": file, "region": {"startLine": 1}}
    known = hashlib.sha256(json.dumps([rule, what]).encode()).hexdigest()
    return {
        "ruleId": rule,
        "level": "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        # The only fingerprint that code scanning looks at.
        "partialFingerprints": {"primaryLocationLineHash": f"{known}:1"},
        "properties": properties,
    }


def _rule(id: str) -> Data:
    text = {"text": findings.rule(id)}
    return {
        "id": id,
        "shortDescription": text,
        "fullDescription": text,
        "help": {"text": findings.HELP},
        "defaultConfiguration": {"level": "error"},
    }
