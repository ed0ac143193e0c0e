"""Statements that may take their time."""

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


# While these wait for old transactions they block no reads and no writes, and one that
# is cut off leaves an invalid index, or half a detachment, behind. PostgreSQL, CREATE
# INDEX, "Building Indexes Concurrently"; REINDEX, "Rebuilding Indexes Concurrently";
# ALTER TABLE, "DETACH PARTITION".
PATIENT = (
    r"CREATE (UNIQUE )?INDEX CONCURRENTLY\b",
    r"DROP INDEX CONCURRENTLY\b",
    r"REINDEX (\([^)]*\) )?\w+ CONCURRENTLY\b",
    r"REINDEX \([^)]*\bCONCURRENTLY\b",
    r"ALTER TABLE [^;]* DETACH PARTITION [^;]* (CONCURRENTLY|FINALIZE)\b",
)
# These read a whole table, and let others read and write it meanwhile.
LONG = (
    r"ALTER TABLE [^;]* VALIDATE CONSTRAINT\b",
    r"REFRESH MATERIALIZED VIEW CONCURRENTLY\b",
)
# Rows may be megabytes of SQL; what these statements do is said at their beginning.
LENGTH = 5000
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
PATTERNS = {
    Exemption.BOTH: re.compile("|".join(PATIENT), re.IGNORECASE),
    Exemption.STATEMENT: re.compile("|".join(LONG), re.IGNORECASE),
}

_exempt = contextvars.ContextVar("exempt", default=False)


@contextlib.contextmanager
def exempt() -> Iterator[None]:
    """Let statements take as long as they need, though they may not wait for locks."""
    token = _exempt.set(True)
    try:
        yield
    finally:
        _exempt.reset(token)


def exemption(sql: str) -> Exemption:
    """Return from which limits a statement is exempt."""
    text = " ".join(COMMENT.sub(" ", sql[:LENGTH]).split())
    for found, pattern in PATTERNS.items():
        if pattern.match(text):
            return found
    return Exemption.STATEMENT if _exempt.get() else Exemption.NONE
