"""How far a backfill is, for those who read what the command prints."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

from syzygy_like import console as consoles
from syzygy_like import durations
from syzygy_like.operations.batches import Rows
from syzygy_like.operations.estimates import estimate

# What is over sooner is not worth a word; seconds.
BAR_AFTER = 1.0
LINE_EVERY = 10.0

Total = Callable[[], "int | None"]


class Display:
    """
    Shows nothing. As a context it ends what was begun.

    ``before`` is how many rows earlier runs have gone through.
    """

    def __init__(self, before: int = 0):
        self.before = before
        self.start = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        self.end(is_complete=kind is None)

    @property
    def elapsed(self) -> float:
        """How long this run takes, in seconds."""
        return time.monotonic() - self.start

    def show(self, rows: int) -> None:
        """Show how many rows were gone through."""

    def end(self, is_complete: bool) -> None:
        """Leave the line to what Django prints next."""


class Lines(Display):
    """Writes a line from time to time, and one at the end if there were others."""

    def __init__(self, before: int, stdout: Any, label: str, total: Total):
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
            self._write(f"{self.rows:,} rows in {durations.text(self.elapsed)}")

    def _progress(self, rows: int) -> str:
        total = self.total()
        if total is None or total <= rows:
            return f"{rows:,} rows"
        left = (total - rows) * self.elapsed / max(rows - self.before, 1)
        text = f"{rows:,} of about {total:,} rows"
        return f"{text}, {durations.text(left)} to go"

    def _write(self, text: str) -> None:
        if self.written is None:
            self.stdout.write("")  # ends the line that Django has begun
        self.stdout.write(f"    {self.label}: {text}")
        self.stdout.flush()


class Bar(Display):
    """Shows a bar of tqdm's, whose class is ``kind``."""

    def __init__(self, before: int, stdout: Any, label: str, total: Total, kind: Any):
        super().__init__(before)
        self.stdout = stdout
        self.label = label
        self.total = total
        self.kind = kind
        self.bar: Any = None

    def show(self, rows: int) -> None:
        if self.bar is not None:
            self.bar.update(rows - self.bar.n)
        elif self.elapsed >= BAR_AFTER:
            self.stdout.write("")  # ends the line that Django has begun
            self.bar = self.kind(
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
    """The stdout of a command, which is written to without ends of lines."""

    def __init__(self, stdout: Any):
        self.stdout = stdout

    def write(self, text: str) -> None:
        self.stdout.write(text, ending="")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stdout, name)


def tqdm_class() -> Any:
    """Return tqdm, of a kind that leaves no thread behind, None if there is none."""
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ImportError:
        return None
    kind: Any = type("tqdm", (tqdm,), {"monitor_interval": 0})
    kind.set_lock(threading.RLock())  # its own one is shared with other processes
    return kind


def display(rows: Rows, before: int) -> Display:
    """Return what shows how many rows a backfill has gone through."""
    console = consoles.current()
    if console is None or console.verbosity < 1:
        return Display()
    label = rows.model._meta.label
    total = functools.cache(functools.partial(estimate, rows.model, rows.alias))
    kind = tqdm_class() if console.is_terminal else None
    if kind is None:
        return Lines(before, console.stdout, label, total)
    return Bar(before, console.stdout, label, total, kind)
