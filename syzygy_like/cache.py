"""Remembers that all migrations were found to be in order."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

import syzygy_like
from syzygy_like import conf

RELEVANT_SETTINGS = (
    *conf.ALL,
    "AUTH_USER_MODEL",
    "DEFAULT_AUTO_FIELD",
    "INSTALLED_APPS",
    "MIGRATION_MODULES",
)


def is_clean() -> bool:
    """Tell whether nothing has changed since all was found to be in order."""
    path = _path()
    if path is None:
        return False
    try:
        stored = json.loads(path.read_text())
        sources = stored["sources"]
        return bool(stored["key"] == _key() and sources == _stamps(sources))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def remember(modules: Iterable[str]) -> None:
    """
    Note that all is in order; ``modules`` are those that it depends on.

    The note lies beside the compiled settings module, by the rules of Python for
    compiled files, and goes by time and size of the sources as those do.
    """
    path = _path()
    if path is None or sys.dont_write_bytecode:
        return
    files = {getattr(sys.modules.get(name), "__file__", None) for name in modules}
    note = {"key": _key(), "sources": _stamps(file for file in files if file)}
    try:
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(note))
        draft.replace(path)
    except OSError:
        return  # a folder that is read-only: then nothing is remembered


def _path() -> Path | None:
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", None) or "")
    source = getattr(module, "__file__", None)
    if source is None or sys.implementation.cache_tag is None:
        return None
    return Path(importlib.util.cache_from_source(source)).with_suffix(".stages.json")


def _stamps(files: Iterable[str]) -> dict[str, list[int]]:
    stamps = {}
    for file in files:
        status = Path(file).stat()
        stamps[file] = [status.st_mtime_ns, status.st_size]
    return stamps


def _key() -> str:
    """Return what tells two sets of migrations and settings apart."""
    digest = hashlib.sha256()
    for part in (
        django.VERSION,
        syzygy_like.__version__,
        *(database.get("ENGINE") for database in settings.DATABASES.values()),
        *((name, getattr(settings, name, "unset")) for name in RELEVANT_SETTINGS),
    ):
        digest.update(repr(part).encode())
    for app_config in apps.get_app_configs():
        for line in _migration_files(app_config):
            digest.update(repr(line).encode())
    return digest.hexdigest()


def _migration_files(app_config: AppConfig) -> Iterator[Any]:
    folder = _migrations_folder(app_config)
    yield app_config.label, folder
    if folder is None:
        return
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if entry.name.endswith(".py")]
    except OSError:
        return
    for entry in sorted(files, key=lambda entry: entry.name):
        status = entry.stat()
        yield entry.name, status.st_mtime_ns, status.st_size


def _migrations_folder(app_config: AppConfig) -> str | None:
    module, explicit = MigrationLoader.migrations_module(app_config.label)
    if not explicit:
        return str(Path(app_config.path) / "migrations")
    if module is None:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return str(Path(spec.origin).parent) if spec and spec.origin else None
