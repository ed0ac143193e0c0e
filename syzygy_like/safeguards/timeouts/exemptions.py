"""Statements that may take longer than the limits."""

from __future__ import annotations

import contextlib
import contextvars
import enum
import re
from collections.abc import Iterator


class Exemption(enum.Enum):
    """Which limits do not hold for a statement."""

    NONE = enum.auto()
    STATEMENT = enum.auto()
    BOTH = enum.auto()


# While these wait for old transactions they block no reads and no writes. If one is cut
# off, it leaves an invalid index or an unfinished detachment behind. PostgreSQL, CREATE
# INDEX, "Building Indexes Concurrently"; REINDEX, "Rebuilding Indexes Concurrently";
# ALTER TABLE, "DETACH PARTITION".
UNLIMITED = (
    r"CREATE (UNIQUE )?INDEX CONCURRENTLY\b",
    r"DROP INDEX CONCURRENTLY\b",
    r"REINDEX (\([^)]*\) )?\w+ CONCURRENTLY\b",
    r"REINDEX \([^)]*\bCONCURRENTLY\b",
    r"ALTER TABLE [^;]* DETACH PARTITION [^;]* (CONCURRENTLY|FINALIZE)\b",
)
# These read a whole table while others may read and write it.
LONG = (
    r"ALTER TABLE [^;]* VALIDATE CONSTRAINT\b",
    r"REFRESH MATERIALIZED VIEW CONCURRENTLY\b",
)
# SQL may contain megabytes of rows; its beginning says what kind of statement it is.
LENGTH = 5000
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
PATTERNS = {
    Exemption.BOTH: re.compile("|".join(UNLIMITED), re.IGNORECASE),
    Exemption.STATEMENT: re.compile("|".join(LONG), re.IGNORECASE),
}

_exempt = contextvars.ContextVar("exempt", default=False)


@contextlib.contextmanager
def exempt() -> Iterator[None]:
    """Let statements take as long as they need, but not wait longer for locks."""
    token = _exempt.set(True)
    try:
        yield
    finally:
        _exempt.reset(token)


def exemption(sql: str) -> Exemption:
    """Return the limits that a statement is exempt from."""
    text = " ".join(COMMENT.sub(" ", sql[:LENGTH]).split())
    for found, pattern in PATTERNS.items():
        if pattern.match(text):
            return found
    return Exemption.STATEMENT if _exempt.get() else Exemption.NONE
