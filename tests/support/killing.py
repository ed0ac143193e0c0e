"""Commands in processes of their own, which are killed on their way."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connections

from tests.support.databases import forget

# How long a process may take that is not killed, in seconds.
PATIENCE = 60


class Child:
    """
    A process that calls a function, forked from this one.

    It exits with 0, or with 1 if the function raises; what it then says is in
    ``output``, with all that it printed.
    """

    def __init__(self, folder: Path, function: Callable[..., Any], *arguments: Any):
        self.path = folder / f"child-{time.monotonic_ns()}.txt"
        for alias in connections:  # a connection is not to be shared
            forget(alias)
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._call(function, arguments)

    def _call(self, function: Callable[..., Any], arguments: Any) -> None:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with self.path.open("w", buffering=1) as output:
                try:
                    with contextlib.redirect_stdout(output):
                        output.write(function(*arguments) or "")
                    code = 0
                except BaseException:
                    output.write(traceback.format_exc())
        finally:
            os._exit(code)

    @property
    def output(self) -> str:
        """What it has written up to now."""
        with contextlib.suppress(FileNotFoundError):
            return self.path.read_text()
        return ""

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """Return its exit code, None if it is still at work after some seconds."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= end:
                return None
            time.sleep(0.005)

    def kill(self, number: int = signal.SIGKILL) -> int | None:
        """Kill it; return its exit code, which is negative if that was in time."""
        os.kill(self.pid, number)
        return self.wait()

    def wait_for(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until it has written something."""
        end = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < end, self.output
            time.sleep(0.01)


def said(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """Return what a function writes to the stdout that it is given."""
    out = io.StringIO()
    function(*arguments, stdout=out, **options)
    return out.getvalue()
