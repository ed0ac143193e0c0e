"""
The text of a migration file, edited where its lists have their elements.

All else stays as it is, to the letter: comments, functions, other attributes.
"""

from syzygy_like.makemigrations.split.edits import Change, Entry, commented, rewritten
from syzygy_like.makemigrations.split.source import Fault, RewritingError, Source

__all__ = [
    "Change",
    "Entry",
    "Fault",
    "RewritingError",
    "Source",
    "commented",
    "rewritten",
]
