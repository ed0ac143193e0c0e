"""Remembers that the check found nothing wrong, until something changes."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

import syzygy_like
from syzygy_like import conf

# They differ from run to run, or do not concern migrations.
IRRELEVANT_SETTINGS = {"DATABASES", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}

# A migration that reads a file may change though none of the sources does.
READS_FILES = re.compile(rb"\bopen\(|\.read_text\(|\.read_bytes\(|\bget_data\(")


def is_clean() -> bool:
    """Tell whether nothing has changed since the check found nothing wrong."""
    path = _path()
    if path is None:
        return False
    try:
        note = json.loads(path.read_text())
        return (
            note["key"] == _key()
            and note["migrations"] == _migrations()
            and all(_is_same(file, stamp) for file, stamp in note["stamps"].items())
        )
    except Exception:  # there is no note, or it is damaged in some way
        return False


def remember(modules: Iterable[str]) -> None:
    """
    Note that nothing is wrong; ``modules`` are those that this depends on.

    The note is a file beside the compiled settings module, by the rules of Python for
    compiled files. Like those it goes by the time and size of the sources, but a
    file with another time may still have the same contents, as after a checkout.
    """
    path = _path()
    if path is None or sys.dont_write_bytecode:
        return
    migrations = _migrations()
    own = (file for file in migrations if not conf.is_installed(file))
    if any(READS_FILES.search(Path(file).read_bytes()) for file in own):
        return
    sources = {getattr(sys.modules.get(name), "__file__", None) for name in modules}
    files = {*migrations, *(source for source in sources if source)}
    try:
        stamps = {file: _stamp(file) for file in sorted(files)}
        note = {"key": _key(), "migrations": migrations, "stamps": stamps}
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(note))
        temporary.replace(path)
    except OSError:
        return  # a folder that is read-only: then nothing is remembered


def _path() -> Path | None:
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", None) or "")
    source = getattr(module, "__file__", None)
    if source is None or sys.implementation.cache_tag is None:
        return None
    return Path(importlib.util.cache_from_source(source)).with_suffix(".stages.json")


def _stamp(file: str) -> list[int | str]:
    status = Path(file).stat()
    return [status.st_mtime_ns, status.st_size, _digest(file)]


def _is_same(file: str, stamp: Sequence[int | str]) -> bool:
    """Tell whether a file is as it was; it is read only if its time is another."""
    modified, size, digest = stamp
    status = Path(file).stat()
    if status.st_size != size:
        return False
    return status.st_mtime_ns == modified or _digest(file) == digest


def _digest(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _key() -> str:
    """Return what tells two sets of settings and versions apart."""
    digest = hashlib.sha256()
    for part in (
        django.VERSION,
        syzygy_like.__version__,
        *(database.get("ENGINE") for database in settings.DATABASES.values()),
        importlib.util.find_spec("sqlglot") is None,
        *((name, getattr(settings, name, "unset")) for name in conf.ALL),
        *_settings(),
    ):
        digest.update(repr(part).encode())
    return digest.hexdigest()


def _settings() -> Iterator[tuple[str, str]]:
    """Yield the settings that are plain values: a migration may read any of them."""
    for name in sorted(dir(settings)):
        if name.isupper() and name not in IRRELEVANT_SETTINGS:
            with contextlib.suppress(TypeError, ValueError, RecursionError):
                yield name, json.dumps(getattr(settings, name), sort_keys=True)


def _migrations() -> list[str]:
    """Return the files of all migrations, in a stable order."""
    folders = map(_migrations_folder, apps.get_app_configs())
    return [file for folder in folders if folder for file in _python_files(folder)]


def _python_files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:  # quicker than pathlib's
            return sorted(entry.path for entry in entries if entry.name[-3:] == ".py")
    except OSError:
        return []


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
