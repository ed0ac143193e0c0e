"""From the SQL of an operation to syntax trees."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping

import sqlglot
from sqlglot.expressions import Expression as Node

from syzygy_like.schema.sql.draft import UnreadableError

DIALECTS = {
    "postgresql": "postgres",
    "mysql": "mysql",
    "sqlite": "sqlite",
    "oracle": "oracle",
}
# MySQL and MariaDB execute what is in such comments ("Comments", in their manuals).
EXECUTABLE_COMMENT = re.compile(r"/\*M?!")
PLACEHOLDER = re.compile(r"%(?:(?P<percent>%)|(?:\((?P<name>\w+)\))?s)")


def parse(sql: object, vendor: str) -> list[Node]:
    """
    Return the statements of ``RunSQL.sql``, in any of its forms.

    Raise UnreadableError if the form or the vendor isn't known, or what sqlglot raises.
    """
    if vendor not in DIALECTS:
        raise UnreadableError(vendor)
    if vendor == "mysql" and EXECUTABLE_COMMENT.search(str(sql)):
        raise UnreadableError("a comment that is executed")
    with _quiet():
        return [
            statement
            for text in _texts(sql)
            for statement in sqlglot.parse(text, read=DIALECTS[vendor])
            if statement is not None
        ]


def _texts(sql: object) -> Iterator[str]:
    for each in sql if isinstance(sql, (list, tuple)) else [sql]:
        if isinstance(each, str):
            yield each
        elif isinstance(each, (list, tuple)) and len(each) == 2:
            yield _filled(*each)
        else:
            raise UnreadableError(each)


def _filled(sql: str, params: Mapping[str, object] | Iterable[object] | None) -> str:
    """Return SQL with its params: only where there are any is % a placeholder."""
    if params is None:
        return sql
    named = params if isinstance(params, Mapping) else {}
    positional = iter(() if named else params)

    def replacement(match: re.Match[str]) -> str:
        if match["percent"]:
            return "%"
        return _literal(named[match["name"]] if match["name"] else next(positional))

    return PLACEHOLDER.sub(replacement, sql)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what sqlglot logs in this thread of SQL it doesn't know."""
    thread = threading.get_ident()

    def not_ours(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("sqlglot")
    logger.addFilter(not_ours)
    try:
        yield
    finally:
        logger.removeFilter(not_ours)
