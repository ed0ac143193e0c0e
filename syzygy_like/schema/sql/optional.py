"""What the SQL of a RunSQL operation does to a schema, read by sqlglot."""

from __future__ import annotations

import importlib.util
import logging
import sys
from typing import TYPE_CHECKING

from syzygy_like.schema import Patch, Schema

if TYPE_CHECKING:
    from django.db.migrations import RunSQL

logger = logging.getLogger(__name__)


def is_available() -> bool:
    """Tell whether sqlglot, without which no SQL is read, is installed."""
    if "sqlglot" in sys.modules:  # find_spec() raises for a module that is None
        return sys.modules["sqlglot"] is not None
    return importlib.util.find_spec("sqlglot") is not None


def read_sql(operation: RunSQL, schema: Schema, vendor: str) -> Patch | None:
    """
    Return what the SQL of an operation does to a schema, None if it can't be told.

    ``schema`` is what the database has, ``vendor`` the ``vendor`` of its connection.
    SQL that changes rows, and DDL without a bearing on queries, gives an empty patch.
    Nothing is raised: whatever cannot be parsed, is not known or contradicts the
    schema gives None.
    """
    if not is_available():
        return None
    try:
        from syzygy_like.schema.sql.reading import read

        return read(operation.sql, schema, vendor)
    except Exception:  # of any version of sqlglot, RecursionError too
        logger.debug("The SQL of %r cannot be read.", operation, exc_info=True)
        return None
