"""A shop whose orders change while old and new code run: what its tests ask of it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder

from syzygy_like.executor.ledger import Ledger
from syzygy_like.executor.record import Record
from syzygy_like.expand_contract.simulation import Part
from tests.support.databases import forget
from tests.support.projects import Project, applied, physical

TABLE = "syzygy_like_ledger"
PRE, POST, ABORT = "--pre-deploy", "--post-deploy", "--abort-deploy"
PK = ("id", models.BigAutoField(primary_key=True))
NULLABLE = models.IntegerField(null=True)
REQUIRED = models.IntegerField(default=7)
FIELDS = (
    PK,
    ("price", NULLABLE),
    ("note", models.CharField(max_length=9, null=True)),
    ("code", models.CharField(max_length=5)),
)
INITIAL = {name for name, _ in FIELDS}
ORDER = migrations.CreateModel("Order", FIELDS)


def started(
    project: Project,
    database: str,
    bridge: str = "all",
    initial: Operation = ORDER,
) -> Project:
    """Write and apply the first migration of a shop; say what is applied in parts."""
    project.write("shop", "0001_initial", initial)
    project.migrate(database=database, verbosity=0)
    if bridge:
        project.settings = {"MIGRATION_BRIDGE": bridge}
    return project


def add(name: str, field: Any = NULLABLE) -> migrations.AddField:
    return migrations.AddField("order", name, field)


def alter(name: str, field: Any) -> migrations.AlterField:
    return migrations.AlterField("order", name, field)


def remove(name: str) -> migrations.RemoveField:
    return migrations.RemoveField("order", name)


def execute(database: str, sql: str, *params: Any) -> Any:
    """Execute SQL as a server process would; return its rows."""
    with connections[database].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else None


def ledger(database: str) -> Any:
    """Return what the record says of a deploy, None if none is under way."""
    record = Ledger(connections[database]).record
    if not record.is_under_way:
        return None
    return [_told(record, key) for key in record.members]


def backdate(database: str, moment: datetime.datetime) -> None:
    """Have all of a deploy carried out at a moment."""
    ledger = Ledger(connections[database])
    entries = [
        dataclasses.replace(each, since=moment.isoformat())
        for each in ledger.record.entries
    ]
    if entries:
        record = dataclasses.replace(ledger.record, entries=tuple(entries))
        ledger.write(record)


def _told(record: Record, key: tuple[str, str]) -> tuple[str, str, str]:
    """Return how much of a migration precedes the roll-out, and how far it is."""
    part = record.planned(key)
    part = {None: "nothing", Part.EXPAND: "expand"}.get(part, "whole")
    entry = record.entry(key)
    if entry is None:
        return key[1], part, "planned"
    begun, done = ("begun", "applied")
    if entry.part is Part.CONTRACT or part is None:
        begun, done = ("finishing", "finished")
    return key[1], part, done if entry.is_done else begun


def refused(project: Project, *arguments: Any, **options: Any) -> str:
    """Return why a command gives up."""
    with pytest.raises(CommandError) as caught:
        project.call(*arguments, **options)
    return str(caught.value)


def assert_consistent(project: Project, database: str) -> None:
    """Assert that Django's history was consistent at every point up to now."""
    connection = connections[database]
    with project.active():
        loader = MigrationLoader(connection)
        loader.check_consistent_history(connection)
        seen = set()
        for key in (tuple(each.split(".", 1)) for each in applied(database)):
            seen.add(key)
            node = loader.graph.node_map.get(key)
            assert node is None or {each.key for each in node.parents} <= seen


def unapplied(project: Project, database: str) -> list[str]:
    """Return what Django itself would apply."""
    with project.active():
        loader = MigrationLoader(connections[database])
        plan = [
            key
            for leaf in loader.graph.leaf_nodes()
            for key in loader.graph.forwards_plan(leaf)
        ]
    done = MigrationRecorder(connections[database]).applied_migrations()
    return [".".join(key) for key in dict.fromkeys(plan) if key not in done]


def names(database: str) -> list[str]:
    """Return the names of what Django has recorded."""
    return [each.removeprefix("shop.") for each in applied(database)]


def write(
    project: Project, *operations: Any, start: int = 2, **attributes: Any
) -> None:
    """Write migrations with one operation each; they are named by their numbers."""
    for number, operation in enumerate(operations, start):
        project.write("shop", f"{number:04}", operation, **attributes)


def finish(project: Project, database: str, databases: Any) -> None:
    """Complete a deploy; its outcome is that of a straight migrate."""
    project.migrate(POST, database=database)
    assert_consistent(project, database)
    assert unapplied(project, database) == []
    assert ledger(database) is None
    assert "No migrations to apply" in project.stock_migrate(database=database)
    outcome = physical(database)
    databases.empty(database)
    project.stock_migrate(database=database, verbosity=0)
    assert outcome == physical(database)


class Crash(BaseException):
    """The end of a process, which no handler may outlive."""


class Crashing:
    """
    Executes statements that change something up to a number, and then nothing.

    What the process leaves after a statement is what it leaves before the next one, or
    before the transaction of both: so ending before each is enough.
    """

    verbs = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")

    def __init__(self, number: int):
        self.left = number
        self.crashed = False

    def __call__(
        self, execute: Any, sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        if self.crashed:
            raise Crash
        statement = str(sql).lstrip().upper()
        # Its entries are made in one transaction.
        is_entry = statement.startswith("INSERT") and TABLE.upper() in statement
        self.left -= statement.startswith(self.verbs) and not is_entry
        if self.left >= 0:
            return execute(sql, params, many, context)
        self.crashed = True
        raise Crash


def crash(project: Project, *arguments: Any, database: str, number: int) -> bool:
    """Run a command that is killed at a statement; tell whether it got there."""
    crashing = Crashing(number)
    try:
        with connections[database].execute_wrapper(crashing):
            project.migrate(*arguments, database=database, verbosity=0)
    except Crash:
        pass
    finally:
        forget(database)
    return crashing.crashed
