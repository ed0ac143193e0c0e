"""Deploys of histories, step by step, on real databases."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate as django_migrate
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.test import override_settings

from syzygy_like.executor.errors import MigrationFailedError
from syzygy_like.executor.ledger import Ledger
from syzygy_like.rehearsal.inspection import difference, rows
from syzygy_like.rehearsal.workload.rows import tables
from tests.support import projects
from tests.support.databases import forget
from tests.support.histories import History
from tests.support.workload import populate, rehearse

LEDGER = "syzygy_like_ledger"
DEFINITIONS = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid <> 0 AND contype <> 'n'
"""
# SQLite numbers what has no name. PostgreSQL makes a name up for what comes with its
# column, Django for what comes later.
MADE_UP = re.compile(r"__|fk_\d+$|.*(_[0-9a-f]{8}_(uniq|check|fk.*)|_key|_check\d*)$")
Failures = dict[tuple[str, str], Exception]


class Crash(BaseException):
    """The process ends here."""


class DeployedHistory:
    """A history on a database, with commands that take it on."""

    def __init__(self, history: History, databases: Any, alias: str):
        self.history = history
        self.databases = databases
        self.alias = alias

    def begin(self, with_rows: bool) -> int:
        """Make the database of the old version; return the next row's number."""
        self.databases.empty(self.alias)
        with self.history.installed(self.history.applied):
            self._stock()
        return populate(self.history.start.apps, self.alias) if with_rows else 1

    def stock(self) -> bool:
        """Migrate as Django does, and tell whether that was possible."""
        with self.history.installed():
            try:
                self._stock()
            except Exception:  # whatever a database says
                return False
        return True

    def _stock(self) -> None:
        call_command(django_migrate.Command(), database=self.alias, verbosity=0)

    def migrate(self, *arguments: str) -> str:
        """Call our command."""
        out = io.StringIO()
        if "--abort-deploy" in arguments:
            arguments = (*arguments, "--allow-loss")
        with self.history.installed():
            call_command("migrate", *arguments, database=self.alias, stdout=out)
        return out.getvalue()

    def is_refused(self) -> bool:
        """Prepare the roll-out, and tell whether that is refused."""
        try:
            self.migrate("--pre-deploy")
        except CommandError as error:
            if isinstance(error.__cause__, MigrationFailedError):
                raise
            return True
        return False

    def crash(self, number: int, *arguments: str) -> None:
        """Call our command, which does not survive a statement; then call it again."""
        countdown = iter(range(number))

        def wrapper(execute, *args):
            if next(countdown, None) is None:
                raise Crash
            return execute(*args)

        try:
            with connections[self.alias].execute_wrapper(wrapper):
                self.migrate(*arguments)
        except Crash:
            forget(self.alias)
            self.check_consistent()
            if self.is_under_way or "--abort-deploy" not in arguments:
                self.migrate(*arguments)

    def check_consistent(self) -> None:
        """Let Django, which knows of no ledger, look at its history."""
        with self.history.installed():
            loader = MigrationLoader(connections[self.alias])
            loader.check_consistent_history(connections[self.alias])

    @property
    def is_under_way(self) -> bool:
        """Whether a deploy is under way."""
        return Ledger(connections[self.alias]).record.is_under_way

    def shape(self) -> dict[str, Any]:
        """Return all that is in the database, but rows."""
        physical = projects.physical(self.alias)
        physical.pop(LEDGER, None)
        return {
            "history": sorted(projects.applied(self.alias)),
            "tables": {name: arranged(*parts) for name, parts in physical.items()},
            "more": details(self.alias, physical),
        }

    def rows(self) -> dict[str, Any]:
        """Return the rows of all tables."""
        names = projects.tables(self.alias) - {LEDGER}
        return {name: contents(self.alias, name) for name in names}


@contextlib.contextmanager
def configured() -> Iterator[None]:
    """Let any migration be applied in parts, in a project of no other apps."""
    with override_settings(INSTALLED_APPS=["syzygy_like"], MIGRATION_BRIDGE="all"):
        yield


def arranged(columns: dict[str, Any], constraints: dict[str, str]) -> dict[str, Any]:
    """Return a table, whatever the order of its columns."""
    named = {k: v for k, v in constraints.items() if not MADE_UP.match(k)}
    others = {k: v for k, v in constraints.items() if k not in named}
    others.pop("__primary__", None)  # SQLite goes by the order of the columns
    return {"columns": columns, "named": named, "others": sorted(others.values())}


def details(alias: str, names: Iterable[str]) -> Any:
    """Return what Django's introspection leaves out."""
    if connections[alias].vendor == "sqlite":
        return {name: sorted(foreign_keys(alias, name)) for name in names}
    return sorted(each for each in rows(alias, DEFINITIONS) if each[0] != LEDGER)


def contents(alias: str, table: str) -> list[Any]:
    """Return the rows of a table, whatever the order of its columns."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        columns = [each[0] for each in cursor.description]
        found = [zip(columns, map(plain, row), strict=True) for row in cursor]
    return sorted((sorted(row) for row in found), key=repr)


def plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def failures(code: ProjectState, alias: str, start: int, *kinds: Any) -> Failures:
    """Return what code cannot do on a database, of some kinds of actions."""
    used = tables(code.apps, alias)
    found = [each for kind in kinds for each in rehearse(used, alias, kind, start)]
    return {(each.model, each.action): each.error for each in found}


__all__ = ["DeployedHistory", "configured", "difference", "failures"]


def foreign_keys(alias, name):
    """Return the foreign keys of a table of SQLite's, with what they do."""
    quoted = connections[alias].ops.quote_name(name)
    return [row[2:] for row in rows(alias, f"PRAGMA foreign_key_list({quoted})")]
