"""What distinguishes one application of a migration from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Model, Q, QuerySet

# What stays the same as long as a table and its columns are the same ones.
# PostgreSQL, "pg_attribute": a number is given to no other column again.
# MySQL: to the second, and whatever alters the table makes it another one.
# SQLite, "PRAGMA schema_version": whatever alters any table makes it another one.
KEPT = {
    "postgresql": "SELECT attrelid, attnum FROM pg_attribute"
    " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
    "mysql": "SELECT table_name, create_time FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = %s",
    "sqlite": "PRAGMA schema_version",
}


class Origin:
    """
    What the migrations of an app, and the table of one of its models, are at present.

    An operation does not know its migration, which is not recorded while it is carried
    out. The records before it tell: a migration that is unapplied and applied again has
    another record. Only the table tells what is undone by hand, such as a column that a
    migration without a transaction has left.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, app_label: str, model: type[Model]
    ):
        self.connection = connection
        self.app_label = app_label
        self.model = model

    def describe(self) -> str:
        """Return it as a string that can be stored."""
        records = self._records()
        last = records.aggregate(last=Max("pk"))["last"] if records is not None else 0
        found = {
            "last": last or 0,
            "history": self._history(last or 0),
            "tables": sorted(self._tables()),
        }
        return json.dumps(found)

    def is_described_by(self, text: str) -> bool:
        """Tell whether it is still the one that a string describes."""
        found = json.loads(text)
        same = found["history"] == self._history(found["last"])
        return same and set(found["tables"]) <= set(self._tables())

    def _history(self, last: int) -> str:
        """
        Return a digest of what was recorded up to a record.

        Migrations of other apps may have come since, those of its own may not.
        """
        records = self._records()
        if records is None:
            return ""
        found = records.filter(Q(pk__lte=last) | Q(app=self.app_label)).order_by("pk")
        texts = [
            f"{pk} {at.isoformat()}" for pk, at in found.values_list("pk", "applied")
        ]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()

    def _records(self) -> QuerySet[MigrationRecorder.Migration] | None:
        recorder = MigrationRecorder(self.connection)
        return recorder.migration_qs if recorder.has_table() else None

    def _tables(self) -> Iterator[str]:
        """Yield what the table keeps, and those of the models it inherits from."""
        vendor = self.connection.vendor
        if vendor not in KEPT:
            return
        for model in (self.model, *self.model._meta.get_parent_list()):
            table = model._meta.db_table
            if vendor == "postgresql":
                table = self.connection.ops.quote_name(table)
            with self.connection.cursor() as cursor:
                cursor.execute(KEPT[vendor], [table] if "%s" in KEPT[vendor] else None)
                for found in cursor.fetchall():
                    yield " ".join(map(str, found))
