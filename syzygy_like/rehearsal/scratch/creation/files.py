"""How scratch databases of SQLite are made."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.rehearsal.scratch.creation.base import Maker
from syzygy_like.rehearsal.scratch.unreachable.files import attaching_nothing


class SQLiteMaker(Maker):
    """Makes files, each in a folder of its own: SQLite adds some beside it."""

    def free_name(self) -> str:
        folder = Path(tempfile.gettempdir()).resolve() / super().free_name()
        return str(folder / "db.sqlite3")

    def _stem(self) -> str:
        return Path(self._connection.alias).name

    def settings_for(self, name: str) -> dict[str, Any]:
        """
        Return settings that do not wait for the disk: what is lost is no loss.

        Their connections attach no files, with an "init_command" neither.
        """
        settings = super().settings_for(name)
        options = settings["OPTIONS"]
        commands = options.get("init_command", "")
        options["init_command"] = f"{commands};PRAGMA synchronous=OFF"
        options["factory"] = attaching_nothing(
            options.get("factory", sqlite3.Connection)
        )
        return settings

    def create(self, name: str) -> None:
        Path(name).parent.mkdir(mode=0o700)

    def copy(self, source: str, name: str) -> None:
        self.create(name)
        with (
            contextlib.closing(sqlite3.connect(source)) as original,
            contextlib.closing(sqlite3.connect(name)) as target,
        ):
            original.backup(target)

    def drop(self, name: str) -> None:
        folder = Path(name).parent
        if folder.exists():
            shutil.rmtree(folder)

    def is_used_by(self, connection: BaseDatabaseWrapper, name: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA database_list")
            return name in [file for _, schema, file in cursor.fetchall()]
