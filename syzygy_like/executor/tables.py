"""Tables of this package's own, in no app: nobody migrates them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import DatabaseError, connections, transaction

# The table of the deploy record.
LEDGER = "syzygy_like_ledger"


class Table:
    """A table that is made when it is first needed, and dropped in the end."""

    def __init__(self, connection: Any, model: Any):
        self.connection = connection
        self.model = model

    @functools.cached_property
    def is_there(self) -> bool:
        """Whether there is such a table."""
        return names_there(self.connection, self.model._meta.db_table)

    @property
    def has_columns(self) -> bool:
        """Whether the table that is there has the columns of the model."""
        introspection, meta = self.connection.introspection, self.model._meta
        with self.connection.cursor() as cursor:
            found = introspection.get_table_description(cursor, meta.db_table)
        return {each.column for each in meta.fields} <= {each.name for each in found}

    @property
    def rows(self) -> Any:
        """A queryset of all rows."""
        return self.model.objects.using(self.connection.alias)

    def make(self, editor: Any = None) -> None:
        """Make the table if there is none, by a schema editor if one is at work."""
        if self.is_there:
            return
        try:
            with self._editing(editor) as at_work:
                at_work.create_model(self.model)
        except DatabaseError:
            # Another run may have been faster. What this one gets is any error: in
            # PostgreSQL that the name of a type is taken.
            if not names_there(self.connection, self.model._meta.db_table):
                raise
        self.is_there = True

    def drop(self, editor: Any = None) -> None:
        """Drop the table, by a schema editor if one is at work."""
        with self._editing(editor) as at_work:
            at_work.delete_model(self.model)
        self.is_there = False

    def drop_if_empty(self) -> None:
        """Drop the table if nothing is in it, and nobody can put anything there."""
        connection = self.connection
        name = connection.ops.quote_name(self.model._meta.db_table)
        with _locked(connection, name), connection.cursor() as cursor:
            if not self.rows.exists():
                cursor.execute(f"DROP TABLE {name}")
                self.is_there = False

    def _editing(self, editor: Any) -> contextlib.AbstractContextManager[Any]:
        if editor is not None:
            return contextlib.nullcontext(editor)
        return self.connection.schema_editor()  # type: ignore[no-any-return]


@contextlib.contextmanager
def _locked(connection: Any, name: str) -> Iterator[None]:
    """
    Keep others from a table, whose name is quoted, while it is looked at and dropped.

    SQLite's transaction fails where another one has written meanwhile, PostgreSQL's
    where another one is at the table: nobody waits for that, nor has others wait.
    """
    if connection.vendor != "mysql":
        with transaction.atomic(using=connection.alias):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE NOWAIT")
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLES {name} WRITE")
        try:
            yield
        finally:
            cursor.execute("UNLOCK TABLES")


def meta(table: str, *unique: str) -> type:
    """Return the options of a model of such a table, which is in no app."""
    options = {
        "apps": Apps(),
        "app_label": "syzygy_like",
        "db_table": table,
        "unique_together": [unique] if unique else [],
    }
    return type("Meta", (), options)


def has_ledger(alias: str) -> bool:
    """Tell whether a database may have something beyond Django's history."""
    return names_there(connections[alias], LEDGER)


def names_there(connection: Any, *names: str) -> bool:
    """Tell whether a database has any table of these names."""
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
    return not set(names).isdisjoint(there)
