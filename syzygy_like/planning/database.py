"""What becomes of models and operations on a database, by the routers."""

from __future__ import annotations

import contextlib
import dataclasses

from django.apps import apps
from django.conf import settings
from django.db import connections, router
from django.db.migrations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState

from syzygy_like.schema import Patch, Schema
from syzygy_like.schema.effects import Reader
from syzygy_like.schema.sql import read_sql


@dataclasses.dataclass(frozen=True)
class Database:
    """What becomes of models and operations on one database, by the routers."""

    alias: str

    def has(self, model: ModelState) -> bool:
        """Tell whether a model has a table."""
        if is_swapped(model):
            return False
        hints = {}
        with contextlib.suppress(LookupError):  # of history only, there is no class
            hints["model"] = apps.get_model(model.app_label, model.name_lower)
        return router.allow_migrate(
            self.alias, model.app_label, model_name=model.name_lower, **hints
        )

    def permits(self, app_label: str, operation: Operation) -> bool:
        """Tell whether an operation that has hints for the routers runs at all."""
        hints = getattr(operation, "hints", {})
        return router.allow_migrate(self.alias, app_label, **hints)

    def read_sql(self, operation: RunSQL, schema: Schema) -> Patch | None:
        """Return what SQL does to a schema, None if it cannot be told."""
        return read_sql(operation, schema, connections[self.alias].vendor)

    @property
    def unsigned(self) -> bool:
        """Whether positive integers use the bit of the sign for values."""
        return connections[self.alias].vendor == "mysql"

    @property
    def resumes(self) -> bool:
        """Whether a migration may stop between two statements, and go on there."""
        return not connections[self.alias].features.can_rollback_ddl

    @property
    def reader(self) -> Reader:
        """A reader of what operations do to this database."""
        return Reader(self.read_sql, self.permits)


class AnyDatabase(Database):
    """A database that all models have their tables on."""

    def has(self, model: ModelState) -> bool:
        """Tell whether a model has a table."""
        return not is_swapped(model)

    def permits(self, app_label: str, operation: Operation) -> bool:
        """Tell that every operation runs."""
        return True


def is_swapped(model: ModelState) -> bool:
    """Tell whether another model is swapped in for this one."""
    setting = model.options.get("swappable")
    swapped_in: str | None = getattr(settings, setting, None) if setting else None
    label = f"{model.app_label}.{model.name}"
    return swapped_in is not None and swapped_in.lower() != label.lower()
