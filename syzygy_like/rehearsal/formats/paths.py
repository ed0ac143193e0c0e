"""Paths as those who review a change know them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from syzygy_like.rehearsal.report import Report


def relative(path: str) -> str:
    """
    Return a path relative to the working directory, with slashes.

    Returns "" for a file elsewhere, as of an installed package, and for none.
    """
    try:
        found = Path(path).resolve().relative_to(Path.cwd().resolve())
    except (OSError, ValueError):
        return ""
    return "" if found == Path() else found.as_posix()


def with_relative_paths(report: Report) -> Report:
    """Return the same report, with its files as ``relative`` gives them."""
    return dataclasses.replace(
        report,
        planned=[
            dataclasses.replace(each, path=relative(each.path))
            for each in report.planned
        ],
        troubles=[
            dataclasses.replace(each, path=relative(each.path))
            for each in report.troubles
        ],
        failures=[
            dataclasses.replace(each, path=relative(each.path))
            for each in report.failures
        ],
    )
