"""PgBouncer in front of a test's PostgreSQL database, where it is installed."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections

from tests.support.databases import ENVIRONMENT_KEY, forget

# It listens on a socket in a folder of its own, so any port is free.
PORT = 6432
SECONDS = 20
# Debian installs it where only root's PATH goes.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


@contextlib.contextmanager
def pooled(alias: str, mode: str = "transaction", **settings: Any) -> Iterator[str]:
    """
    Yield an alias that goes through a PgBouncer to the database of another alias.

    ``mode`` is its ``pool_mode``; ``settings`` are more of its settings. It is known
    to this process, to those that it forks, and by the environment to those that it
    starts. The test is skipped where PgBouncer is not installed.
    """
    program = shutil.which("pgbouncer", path=PLACES)
    if program is None:
        pytest.skip("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    try:
        server = parameters(alias)
        file = configuration(folder, server, {"pool_mode": mode, **settings})
        with running([program, "-q", *unprivileged(folder, server), str(file)], folder):
            config = {
                **connections.settings[alias],
                "HOST": str(folder),
                "PORT": str(PORT),
                "DISABLE_SERVER_SIDE_CURSORS": mode != "session",
            }
            with registered(f"{alias}_{mode}", config) as pooled_alias:
                answering(pooled_alias, folder)
                yield pooled_alias
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def parameters(alias: str) -> dict[str, Any]:
    """Return where the server is, and who logs in."""
    connections[alias].ensure_connection()
    info = connections[alias].connection.info
    found = {
        "host": info.host,
        "port": info.port,
        "dbname": info.dbname,
        "user": info.user,
        "password": info.password,
    }
    return {key: value for key, value in found.items() if value}


def configuration(folder: Path, server: dict[str, Any], settings: Any) -> Path:
    """Write the configuration and return its path."""
    target = " ".join(f"{key}={quoted(value)}" for key, value in server.items())
    options = {
        "listen_port": PORT,
        "unix_socket_dir": folder,
        "logfile": folder / "log",
        "auth_type": "any",  # all clients log in as ``server`` tells
        "ignore_startup_parameters": "extra_float_digits,options",
        **settings,
    }
    lines = [f"{key} = {value}" for key, value in options.items()]
    path = folder / "pgbouncer.ini"
    path.write_text("\n".join(["[databases]", f"* = {target}", "[pgbouncer]", *lines]))
    return path


def quoted(value: Any) -> str:
    return "'{}'".format(str(value).replace("'", "''"))


def unprivileged(folder: Path, server: dict[str, Any]) -> list[str]:
    """Return the option that makes it somebody else than root, who may not run it."""
    if os.geteuid() != 0:
        return []
    # The folder of the server's socket may be open to its owner only.
    socket = Path(server.get("host", ""))
    owner = socket.stat().st_uid if socket.is_absolute() else 0
    user = pwd.getpwuid(owner).pw_name if owner else "nobody"
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, user)
    return ["-u", user]


@contextlib.contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()  # it does not wait for its clients then
        process.wait()


@contextlib.contextmanager
def registered(alias: str, config: dict[str, Any]) -> Iterator[str]:
    """Let an alias mean a database, here and in processes that are started."""
    before = os.environ.get(ENVIRONMENT_KEY, "{}")
    os.environ[ENVIRONMENT_KEY] = json.dumps({**json.loads(before), alias: config})
    connections.settings[alias] = config
    connections.configure_settings(connections.settings)
    try:
        yield alias
    finally:
        forget(alias)
        del connections.settings[alias]
        os.environ[ENVIRONMENT_KEY] = before


def answering(alias: str, folder: Path) -> None:
    """Return as soon as a connection is to be had."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            connections[alias].ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                logs = [folder / name for name in ("output", "log")]
                said = [log.read_text() for log in logs if log.exists()]
                pytest.fail("\n".join(["pgbouncer does not answer:", *said]))
            time.sleep(0.05)
        else:
            break
    forget(alias)
