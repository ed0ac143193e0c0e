"""The formats in which the report of a rehearsal is printed."""

from syzygy_like.rehearsal.formats.render import render
from syzygy_like.rehearsal.report import FORMATS

__all__ = ["FORMATS", "render"]
