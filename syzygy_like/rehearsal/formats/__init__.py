"""The formats in which the report of a rehearsal is printed."""

from __future__ import annotations

from django.core.management.color import Style

from syzygy_like.rehearsal.formats import github, json, sarif
from syzygy_like.rehearsal.formats.paths import with_relative_paths
from syzygy_like.rehearsal.messages import report as rehearsals
from syzygy_like.rehearsal.report import Report

__all__ = ["FORMATS", "rendered"]

_FOR_MACHINES = {
    "json": json.rendered,
    "github": github.rendered,
    "sarif": sarif.rendered,
}
FORMATS = ("text", *_FOR_MACHINES)


def rendered(report: Report, format: str, style: Style) -> str:
    """
    Return a report in one of ``FORMATS``, without a last line break.

    Files are named relative to the working directory, those elsewhere not at all.

    ``style`` is that of a command and counts for text only. Raises ``KeyError`` for
    another format.
    """
    local = with_relative_paths(report)
    if format == "text":
        return rehearsals.text(local, style)
    return _FOR_MACHINES[format](local)
