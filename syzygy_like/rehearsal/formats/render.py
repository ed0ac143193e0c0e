"""A report in one of the formats: text, JSON, or those of other modules."""

from __future__ import annotations

import dataclasses
import enum
import json
from pathlib import Path
from typing import TypeVar

from django.core.management.color import Style

from syzygy_like.rehearsal.formats import github, sarif
from syzygy_like.rehearsal.messages import findings
from syzygy_like.rehearsal.messages import report as text
from syzygy_like.rehearsal.report import DeployProblem, Failure, Planned, Report

JSON_VERSION = 1

Located = TypeVar("Located", Planned, DeployProblem, Failure)


def render(report: Report, format: str, style: Style) -> str:
    """
    Return a report in one of ``FORMATS``, without a last line break.

    Files are named relative to the working directory, those elsewhere not at all.
    ``style`` is that of a command and counts for text only. Raises ``KeyError`` for
    another format.
    """
    local = _with_relative_paths(report)
    if format == "text":
        return text.render(local, style)
    machines = {"json": as_json, "github": github.render, "sarif": sarif.render}
    return machines[format](local)


def as_json(report: Report) -> str:
    """Return the fields of a report, with enums by value; in ASCII."""
    data = {
        "version": JSON_VERSION,
        "exit_code": report.exit_code,
        "verdict": findings.verdict(report),
        **dataclasses.asdict(report),
    }
    return json.dumps(data, indent=2, default=_value)


def _value(member: enum.Enum) -> object:
    return member.value


def _with_relative_paths(report: Report) -> Report:
    return dataclasses.replace(
        report,
        planned=_relative(report.planned),
        deploy_problems=_relative(report.deploy_problems),
        failures=_relative(report.failures),
    )


def _relative(several: list[Located]) -> list[Located]:
    return [
        dataclasses.replace(each, path=relative_path(each.path)) for each in several
    ]


def relative_path(path: str) -> str:
    """
    Return a path relative to the working directory, with slashes.

    Returns "" for a file elsewhere, as of an installed package, and for none.
    """
    try:
        found = Path(path).resolve().relative_to(Path.cwd().resolve())
    except (OSError, ValueError):
        return ""
    return "" if found == Path() else found.as_posix()
