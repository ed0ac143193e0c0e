"""What a database of the old release has applied, told from the names of its files."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.planning.history import Key
from syzygy_like.rehearsal.starting_point.recorded import load
from tests.upgrades.catalogue import Upgrade


def record(connection: Any, upgrade: Upgrade, archive: Path) -> None:
    """
    Note in an empty database what the old release has applied there.

    The package's apps are where its files end, all others at their own end.
    """
    own, loader = own_apps(upgrade), load()
    keys = {key for key in loader.disk_migrations if key[0] not in own}
    recorder = MigrationRecorder(connection)
    recorder.ensure_schema()
    for key in keys | old_names(own, archive):
        for name in loader.names(key):
            recorder.record_applied(*name)


def own_apps(upgrade: Upgrade) -> dict[str, str]:
    """Return the folders of the migrations of the package's apps, by label."""
    folders = {}
    for config in apps.get_app_configs():
        if config.name.partition(".")[0] != upgrade.module:
            continue
        module, _ = MigrationLoader.migrations_module(config.label)
        folders[config.label] = (module or "").replace(".", "/")
    return {**folders, **upgrade.moved}


def old_names(own: dict[str, str], archive: Path) -> set[Key]:
    """Return the migrations of the old release by their labels of today."""
    return {
        (label, name)
        for label, folder in own.items()
        for name in migration_names(archive, folder)
    }


def migration_names(archive: Path, folder: str) -> set[str]:
    """Return the names of the migrations in a folder of modules."""
    paths = [PurePosixPath(name) for name in file_names(archive)]
    return {
        path.stem
        for path in paths
        if path.suffix == ".py"
        and path.stem != "__init__"
        and str(path.parent).removeprefix("src/") == folder
    }


def file_names(archive: Path) -> list[str]:
    """Return the paths in a wheel, or in a source distribution's folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.namelist()
    with tarfile.open(archive) as source:
        return [name.partition("/")[2] for name in source.getnames()]
