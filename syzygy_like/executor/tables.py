"""The tables of this package, which are in no app and are not migrated."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from django.apps.registry import Apps
from django.db import DatabaseError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The table of the deploy record.
LEDGER = "syzygy_like_ledger"


class Table:
    """A table that is created when it is first needed, and dropped in the end."""

    def __init__(self, connection: BaseDatabaseWrapper, model: type[models.Model]):
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
    def rows(self) -> models.QuerySet[models.Model]:
        """All rows."""
        return self.model._default_manager.using(self.connection.alias)

    def create(self, editor: BaseDatabaseSchemaEditor | None = None) -> None:
        """Create the table if there is none, by a schema editor if one is open."""
        if self.is_there:
            return
        try:
            with self._editing(editor) as opened:
                opened.create_model(self.model)
        except DatabaseError:
            # Another run may have been faster. This one can get any error: PostgreSQL
            # says that the name of a type is taken.
            if not names_there(self.connection, self.model._meta.db_table):
                raise
        self.is_there = True

    def drop(self, editor: BaseDatabaseSchemaEditor | None = None) -> None:
        """Drop the table, by a schema editor if one is open."""
        with self._editing(editor) as opened:
            opened.delete_model(self.model)
        self.is_there = False

    def drop_if_empty(self) -> None:
        """Drop the table if it has no rows, while no other run can insert any."""
        connection = self.connection
        name = connection.ops.quote_name(self.model._meta.db_table)
        with _locked(connection, name), connection.cursor() as cursor:
            if not self.rows.exists():
                cursor.execute(f"DROP TABLE {name}")
                self.is_there = False

    def _editing(
        self, editor: BaseDatabaseSchemaEditor | None
    ) -> contextlib.AbstractContextManager[BaseDatabaseSchemaEditor]:
        if editor is not None:
            return contextlib.nullcontext(editor)
        return self.connection.schema_editor()


@contextlib.contextmanager
def _locked(connection: BaseDatabaseWrapper, name: str) -> Iterator[None]:
    """
    Lock a table, whose name is quoted, while it is examined and dropped.

    SQLite's transaction fails where another one has written meanwhile, PostgreSQL's
    where another one uses the table. So no run waits for another one here.
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
    """Tell whether a database has the table of the record."""
    return names_there(connections[alias], LEDGER)


def names_there(connection: BaseDatabaseWrapper, *names: str) -> bool:
    """Tell whether a database has any table of these names."""
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
    return not set(names).isdisjoint(there)
