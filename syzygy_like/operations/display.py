"""The progress of a backfill, on the console."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.core.management.base import OutputWrapper
from django.db import connections
from django.db.models import Model

from syzygy_like.conf import format_duration
from syzygy_like.console import current as current_console
from syzygy_like.operations.batches import Rows

# In seconds: what takes less time shows nothing.
BAR_AFTER = 1.0
LINE_EVERY = 10.0

Total = Callable[[], "int | None"]


class Display:
    """
    Shows nothing. As a context manager, it ends what was shown.

    ``before`` is how many rows earlier runs have gone through.
    """

    def __init__(self, before: int = 0):
        self.before = before
        self.start = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(is_complete=kind is None)

    @property
    def elapsed(self) -> float:
        """How long this run has taken, in seconds."""
        return time.monotonic() - self.start

    def show(self, rows: int) -> None:
        """Show how many rows are done."""

    def end(self, is_complete: bool) -> None:
        """End the line, as Django prints next."""


class Lines(Display):
    """Writes a line from time to time, and one at the end if it has written others."""

    def __init__(self, before: int, stdout: OutputWrapper, label: str, total: Total):
        super().__init__(before)
        self.stdout = stdout
        self.label = label
        self.total = total
        self.rows = before
        self.written: float | None = None

    def show(self, rows: int) -> None:
        self.rows = rows
        if self.elapsed - (self.written or 0) >= LINE_EVERY:
            self._write(self._progress(rows))
            self.written = self.elapsed

    def end(self, is_complete: bool) -> None:
        if self.written is not None and is_complete:
            self._write(f"{self.rows:,} rows in {format_duration(self.elapsed)}")

    def _progress(self, rows: int) -> str:
        total = self.total()
        if total is None or total <= rows:
            return f"{rows:,} rows"
        left = (total - rows) * self.elapsed / max(rows - self.before, 1)
        text = f"{rows:,} of about {total:,} rows"
        return f"{text}, {format_duration(left)} to go"

    def _write(self, text: str) -> None:
        if self.written is None:
            self.stdout.write("")  # ends the line that Django has begun
        self.stdout.write(f"    {self.label}: {text}")
        self.stdout.flush()


class Bar(Display):
    """Shows a progress bar of a class of tqdm."""

    def __init__(
        self,
        before: int,
        stdout: OutputWrapper,
        label: str,
        total: Total,
        tqdm: type[Any],
    ):
        super().__init__(before)
        self.stdout = stdout
        self.label = label
        self.total = total
        self.tqdm = tqdm
        self.bar: Any = None

    def show(self, rows: int) -> None:
        if self.bar is not None:
            self.bar.update(rows - self.bar.n)
        elif self.elapsed >= BAR_AFTER:
            self.stdout.write("")  # ends the line that Django has begun
            self.bar = self.tqdm(
                desc=f"    {self.label}",
                total=self.total(),
                initial=rows,
                unit=" rows",
                unit_scale=True,
                dynamic_ncols=True,
                file=Raw(self.stdout),
            )

    def end(self, is_complete: bool) -> None:
        if self.bar is not None:
            self.bar.close()


class Raw:
    """The stdout of a command, without the line end that it adds to each text."""

    def __init__(self, stdout: OutputWrapper):
        self.stdout = stdout

    def write(self, text: str) -> None:
        self.stdout.write(text, ending="")

    def __getattr__(self, name: str) -> object:
        return getattr(self.stdout, name)


def tqdm_class() -> type[Any] | None:
    """Return a class of tqdm that leaves no thread behind, None without tqdm."""
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ImportError:
        return None
    found: type[Any] = type("tqdm", (tqdm,), {"monitor_interval": 0})
    found.set_lock(threading.RLock())  # its own one is shared with other processes
    return found


def display(rows: Rows, before: int) -> Display:
    """Return what shows how many rows of a backfill are done."""
    console = current_console()
    if console is None or console.verbosity < 1:
        return Display()
    label = rows.model._meta.label
    total = functools.cache(functools.partial(estimate, rows.model, rows.alias))
    tqdm = tqdm_class() if console.is_terminal else None
    if tqdm is None:
        return Lines(before, console.stdout, label, total)
    return Bar(before, console.stdout, label, total, tqdm)


# PostgreSQL, "pg_class": -1 if the table was never vacuumed or analyzed.
# MySQL, "The INFORMATION_SCHEMA TABLES Table": an approximation for InnoDB.
KNOWN = {
    "mysql": "SELECT table_rows FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = %s",
    "postgresql": "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)",
}


def estimate(model: type[Model], alias: str) -> int | None:
    """
    Return about how many rows the table of a model has, None if it is not known.

    It is what the database has in its statistics. SQLite has none: it counts.
    """
    connection = connections[alias]
    if connection.vendor == "sqlite":
        return int(model._base_manager.using(alias).count())
    table = model._meta.db_table
    if connection.vendor == "postgresql":
        table = connection.ops.quote_name(table)
    found = None
    if connection.vendor in KNOWN:
        with connection.cursor() as cursor:
            cursor.execute(KNOWN[connection.vendor], [table])
            found = cursor.fetchone()
    return int(found[0]) if found and found[0] and found[0] > 0 else None
