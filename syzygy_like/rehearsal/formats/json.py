"""A report as JSON."""

from __future__ import annotations

import dataclasses
import enum
import json

from syzygy_like.rehearsal.messages import findings
from syzygy_like.rehearsal.report import Report

VERSION = 1


def rendered(report: Report) -> str:
    """Return the fields of a report, with enums by value; in ASCII."""
    data = {
        "version": VERSION,
        "exit_code": report.exit_code,
        "verdict": findings.verdict(report),
        **dataclasses.asdict(report),
    }
    return json.dumps(data, indent=2, default=_value)


def _value(member: enum.Enum) -> object:
    return member.value
