"""Tables of this package's own, in no app: nobody migrates them."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

from django.apps.registry import Apps
from django.db import DatabaseError


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

    def _editing(self, editor: Any) -> contextlib.AbstractContextManager[Any]:
        if editor is not None:
            return contextlib.nullcontext(editor)
        return self.connection.schema_editor()  # type: ignore[no-any-return]


class OfMigration:
    """What rows have that are about migrations."""

    app: str
    name: str

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"

    @property
    def key(self) -> tuple[str, str]:
        """App label and name of the migration."""
        return self.app, self.name


def meta(table: str, *unique: str) -> type:
    """Return the options of a model of such a table, which is in no app."""
    options = {
        "apps": Apps(),
        "app_label": "syzygy_like",
        "db_table": table,
        "unique_together": [unique],
    }
    return type("Meta", (), options)


def names_there(connection: Any, *names: str) -> bool:
    """Tell whether a database has any table of these names."""
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
    return not set(names).isdisjoint(there)
