"""Statements that sqlglot has no syntax tree for."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from syzygy_like.schema.sql.alter import rename_table
from syzygy_like.schema.sql.draft import Draft, UnreadableError

NAME = r"""[\w."`]+"""
# What makes no difference to what a query may do.
HARMLESS = re.compile(
    "|".join(
        [
            r"(?:ANALYZE|CHECKPOINT|LOCK|OPTIMIZE|REFRESH|REINDEX)\b.*",
            r"(?:RESET|SHOW|UNLOCK|VACUUM)\b.*",
            r"REPLACE\s+INTO\b.*",
            r"SET\s+(?:CONSTRAINTS|LOCAL|SESSION|TRANSACTION)\b.*",
            r"(?:CREATE|DROP)\s+EXTENSION\b(?!.*\bCASCADE\b).*",
            r"CREATE\s+(?:FULLTEXT|SPATIAL)\s+INDEX\b.*",
            r"CREATE\s+(?:COLLATION|DOMAIN|STATISTICS)\b.*",
            r"ALTER\s+SEQUENCE\b.*",
            rf"ALTER\s+TYPE\s+{NAME}\s+(?:ADD|RENAME)\s+VALUE\b.*",
            rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{NAME}\s+(?:"
            rf"VALIDATE\s+CONSTRAINT\s+{NAME}"
            rf"|RENAME\s+CONSTRAINT\s+{NAME}\s+TO\s+{NAME}"
            rf"|ADD\s+CONSTRAINT\s+{NAME}\s+UNIQUE\s+USING\s+INDEX\s+{NAME}"
            rf"|OWNER\s+TO\s+{NAME}"
            rf"|ALTER\s+(?:COLUMN\s+)?{NAME}\s+SET\s+(?:STATISTICS|STORAGE)\s+-?\w+"
            r")",
        ]
    ),
    re.IGNORECASE | re.DOTALL,
)
RENAME = re.compile(
    rf"RENAME\s+TABLE\s+({NAME}\s+TO\s+{NAME}(?:\s*,\s*{NAME}\s+TO\s+{NAME})*)",
    re.IGNORECASE,
)


def command(draft: Draft, statement: Any) -> None:
    """Do to the tables what such a statement does, raise UnreadableError if unknown."""
    text = _text(statement)
    renamed = RENAME.fullmatch(text)
    if renamed and draft.vendor == "mysql":
        for pair in renamed[1].split(","):
            _rename(draft, *re.split(r"\s+TO\s+", pair.strip(), flags=re.IGNORECASE))
    elif not HARMLESS.fullmatch(text) or "search_path" in text.lower():
        raise UnreadableError(text)


def _text(statement: Any) -> str:
    rest = statement.args.get("expression") or ""
    name = rest if isinstance(rest, str) else rest.name
    return f"{statement.name} {name}".strip()


def _rename(draft: Draft, old: str, new: str) -> None:
    table = draft.table(_identifier(old))
    if table is None:
        raise UnreadableError(old)
    rename_table(draft, table, draft.name(_identifier(new)))


def _identifier(name: str) -> Any:
    return exp.to_identifier(name.rpartition(".")[2].strip('"`'))
