"""The id of the code that runs, by the migrations that it contains."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

# How many hexadecimal digits an id has.
DIGITS = 8


@functools.cache
def this_code() -> str:
    """
    Return the id of the code that runs; the same migrations give the same id.

    It is computed once: files that are replaced later are not the code that runs.
    """
    names = "\n".join(sorted(migration_names()))
    return hashlib.sha256(names.encode()).hexdigest()[:DIGITS]


def migration_names() -> Iterator[str]:
    """Yield "app_label.migration_name" of all migrations, without importing them."""
    for config in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(config.label)
        for found in pkgutil.iter_modules(_folders(module)):
            # The same rule as in MigrationLoader.load_disk().
            if not found.ispkg and found.name[0] not in "_~":
                yield f"{config.label}.{found.name}"


def _folders(module: str | None) -> Iterable[str]:
    """Return the folders of a package's modules, none if it is not a package."""
    if module is None:  # MIGRATION_MODULES says that the app has none
        return []
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return []
    found = spec and spec.submodule_search_locations
    # For a folder without __init__.py it is not a list; to Django that is no package.
    return found if isinstance(found, list) else []
