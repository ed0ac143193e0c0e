"""Which code this is, by the migrations that it comes with."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

# As many hexadecimal digits tell codes apart.
DIGITS = 8


@functools.cache
def this_code() -> str:
    """
    Return an id of the code that runs, the same for all with the same migrations.

    It is kept: files that are replaced later are not the code that runs.
    """
    names = "\n".join(sorted(migration_names()))
    return hashlib.sha256(names.encode()).hexdigest()[:DIGITS]


def migration_names() -> Iterator[str]:
    """Yield "app_label.migration_name" of all there are, and import none of them."""
    for config in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(config.label)
        for found in pkgutil.iter_modules(_folders(module)):
            # As MigrationLoader.load_disk() has it.
            if not found.ispkg and found.name[0] not in "_~":
                yield f"{config.label}.{found.name}"


def _folders(module: str | None) -> Iterable[str]:
    """Return where a package's modules are, nowhere if it is not one."""
    if module is None:  # MIGRATION_MODULES says that the app has none
        return []
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return []
    found = spec and spec.submodule_search_locations
    # That of a folder without __init__.py is no list; Django takes it for no package.
    return found if isinstance(found, list) else []
