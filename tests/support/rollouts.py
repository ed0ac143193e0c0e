"""Processes that serve some code, and what they call their connections."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from multiprocessing.connection import Pipe
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from syzygy_like.safeguards.rollout.code_id import this_code
from syzygy_like.safeguards.rollout.marks import UID, mark
from tests.support.databases import forget
from tests.support.orders import execute
from tests.support.projects import Project

SECONDS = 30


@contextlib.contextmanager
def marking() -> Iterator[None]:
    """Mark connections, as a process does that starts with the setting."""
    connection_created.connect(mark, dispatch_uid=UID)
    try:
        yield
    finally:
        connection_created.disconnect(dispatch_uid=UID)
        this_code.cache_clear()


def start_over(project: Project, *aliases: str) -> str:
    """Be a new process, with the code that is on disk now; return its id."""
    for alias in aliases:
        forget(alias)
    with project.active():
        this_code.cache_clear()
        return this_code()


@contextlib.contextmanager
def serving(project: Project, alias: str, marks: bool = True) -> Iterator[Server]:
    """Yield a process that serves what is on disk now, and is connected."""
    forget(alias)  # a connection is not to be shared
    ours, theirs = Pipe()
    pid = os.fork()
    if not pid:
        try:
            ours.close()
            with contextlib.nullcontext() if marks else unmarked():
                serve(project, alias, theirs)
        finally:
            os._exit(0)
    theirs.close()
    server = Server(pid, ours)
    try:
        server.said()  # it is connected
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def unmarked() -> Iterator[None]:
    connection_created.disconnect(dispatch_uid=UID)
    yield


def serve(project: Project, alias: str, pipe: Any) -> None:
    """Answer whatever is asked, until nobody can ask."""
    code = start_over(project, alias)
    execute(alias, "SELECT 'at work'")
    pipe.send(code)
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(execute(alias, pipe.recv()))
    connections[alias].close()


class Server:
    def __init__(self, pid: int, pipe: Any):
        self.pid = pid
        self.pipe = pipe

    def said(self) -> Any:
        assert self.pipe.poll(SECONDS)
        return self.pipe.recv()

    def execute(self, sql: str) -> Any:
        """Let it execute SQL; return its rows."""
        self.pipe.send(sql)
        return self.said()

    def stop(self) -> None:
        """End it; its connection is closed by then."""
        if not self.pipe.closed:
            self.pipe.close()
            os.waitpid(self.pid, 0)


def name_of(alias: str) -> str:
    """Return what a connection is called."""
    [(name,)] = execute(alias, "SELECT current_setting('application_name')")
    return name
