"""A shop with orders, and migrations that fill them: what their tests ask of it."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.db import connections, migrations, models
from django.db.models import F

from tests.support.databases import forget
from tests.support.orders import Crash, execute
from tests.support.projects import Project, tables

TABLE = "syzygy_like_backfill"
ORDERS = "shop_order"
INTEGER = models.IntegerField(default=0)
KEY = models.BigAutoField(primary_key=True)
# What shows how often it was done.
AGAIN = {"n": F("n") + 1}


def order(key: Any = KEY) -> migrations.CreateModel:
    """Return what creates the model, with a primary key of any kind."""
    fields = [("id", key), ("n", INTEGER), ("m", models.IntegerField(null=True))]
    return migrations.CreateModel("Order", fields)


def started(project: Project, database: str, *keys: Any, key: Any = KEY) -> Project:
    """Apply the first migration of a shop, and add orders with these primary keys."""
    project.write("shop", "0001_initial", order(key))
    project.stock_migrate(database=database, verbosity=0)
    insert(database, *keys)
    return project


def insert(database: str, *keys: Any) -> None:
    """Add orders."""
    with connections[database].cursor() as cursor:
        sql = f"INSERT INTO {ORDERS} (id, n) VALUES (%s, 0)"
        cursor.executemany(sql, [[key] for key in keys])


def numbers(database: str, column: str = "n") -> list[Any]:
    """Return a column of all orders, in the order of their primary keys."""
    sql = f"SELECT {column} FROM {ORDERS} ORDER BY id"
    return [value for (value,) in execute(database, sql)]


def is_under_way(database: str) -> bool:
    """Tell whether a backfill has left its table."""
    return TABLE in tables(database)


class Cut:
    """Executes so many updates of a shop's tables, and after them nothing any more."""

    def __init__(self, batches: int | None, kills: bool = False):
        self.left = batches
        self.kills = kills
        self.is_over = False

    def __call__(self, execute: Any, sql: Any, *arguments: Any) -> Any:
        is_batch = str(sql).startswith("UPDATE") and "syzygy_like" not in str(sql)
        if is_batch and self.left is not None:
            self.is_over = self.is_over or not self.left
            self.left -= 1
        if self.is_over and self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.is_over:
            raise Crash
        return execute(sql, *arguments)


def cut_off(
    database: str,
    batches: int | None,
    command: Any,
    *arguments: Any,
    kills: bool = False,
) -> bool:
    """
    Run a command that dies after so many batches, if any; tell whether it did.

    It ``kills`` the process, or is as if it had.
    """
    try:
        with connections[database].execute_wrapper(Cut(batches, kills)):
            command(*arguments, database=database, verbosity=0)
    except Crash:
        return True
    finally:
        forget(database)
    return False
