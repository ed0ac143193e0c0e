"""How far a migration is that is in no transaction, in a table."""

from __future__ import annotations

import functools
from typing import Any

from django.apps.registry import Apps
from django.db import connections, models

TABLE = "syzygy_like_journal"


def is_there(alias: str) -> bool:
    """Tell whether a migration was begun on a database, and not ended."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        return TABLE in connection.introspection.table_names(cursor)


@functools.cache
def entry_class() -> Any:
    """Return the model of the table, which is in no app: nobody migrates it."""

    class Entry(models.Model):
        id = models.BigAutoField(primary_key=True)
        app = models.CharField(max_length=255)
        name = models.CharField(max_length=255)
        backwards = models.BooleanField(default=False)
        operations = models.IntegerField(null=True)
        digest = models.CharField(max_length=64, default="")

        class Meta:
            apps = Apps()
            app_label = "syzygy_like"
            db_table = TABLE
            unique_together = [("app", "name")]

        def __str__(self) -> str:
            return f"{self.app}.{self.name}"

    return Entry
