"""A MariaDB server for one test session, whose data are in the session's folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SECONDS = 60  # for the server to start
LOCALHOST = "127.0.0.1"
# The shell leaves the server to itself: it outlives the worker that starts it.
START = '"$@" >>"$0/log" 2>&1 & echo $! >"$0/pid"'


def find(name: str) -> str:
    """Return the path of a program, also of those for administrators, "" if none."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=os.pathsep.join([path, "/usr/sbin", "/sbin"])) or ""


def is_installed() -> bool:
    return all(find(name) for name in ("mariadb-install-db", "mariadbd"))


def port(folder: Path) -> int:
    """Return the port of the session's server, which the first worker starts."""
    home = folder / "mariadb"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = home / "port"
        if not known.exists():
            known.write_text(str(start(home)))
        return int(known.read_text())


def start(home: Path) -> int:
    """Make a data directory and start a server; return its port."""
    data = ["--no-defaults", f"--datadir={home / 'data'}"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = [find("mariadb-install-db"), *data, *user, "--skip-test-db"]
    install += ["--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, capture_output=True)
    number = free_port()
    options = [
        f"--bind-address={LOCALHOST}",
        f"--port={number}",
        f"--socket={home / 'socket'}",
        "--character-set-server=utf8mb4",
        "--max-connections=500",
        # Nobody needs the data after a power cut.
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=OFF",
        "--sync-frm=OFF",
    ]
    server = [find("mariadbd"), *data, *user, *options]
    (home / "log").touch()
    subprocess.run(["sh", "-c", START, str(home), *server], check=True)
    wait(home)
    return number


def free_port() -> int:
    with socket.socket() as found:
        found.bind((LOCALHOST, 0))
        return int(found.getsockname()[1])


def wait(home: Path) -> None:
    """Wait until the server answers, or has ended."""
    end = time.monotonic() + SECONDS
    log = home / "log"
    while "ready for connections" not in log.read_text(errors="replace"):
        if time.monotonic() > end or not is_alive(home):
            raise RuntimeError(f"MariaDB does not start:\n{log.read_text()}")
        time.sleep(0.02)


def pid(home: Path) -> int:
    return int((home / "pid").read_text())


def is_alive(home: Path) -> bool:
    try:
        os.kill(pid(home), 0)
    except ProcessLookupError:
        return False
    return True


def stop(folder: Path) -> None:
    """End the session's server, if one was started."""
    home = folder / "mariadb"
    if (home / "pid").exists() and is_alive(home):
        os.kill(pid(home), signal.SIGKILL)
