"""How scratch databases are made, copied and dropped beside a real one."""

from __future__ import annotations

from django.db import connections

from syzygy_like.rehearsal.scratch.creation.base import Maker
from syzygy_like.rehearsal.scratch.creation.files import SQLiteMaker
from syzygy_like.rehearsal.scratch.creation.servers import MySQLMaker, PostgreSQLMaker

__all__ = ["Maker", "maker"]

MAKERS: dict[str, type[Maker]] = {
    "sqlite": SQLiteMaker,
    "postgresql": PostgreSQLMaker,
    "mysql": MySQLMaker,
}


def maker(alias: str) -> Maker:
    """
    Return what makes databases beside that of an alias.

    Raise NotImplementedError with the engine if nothing does.
    """
    connection = connections[alias]
    if connection.vendor not in MAKERS:
        raise NotImplementedError(connection.settings_dict["ENGINE"])
    return MAKERS[connection.vendor](connection)
