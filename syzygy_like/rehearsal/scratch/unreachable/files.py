"""
Files of SQLite that nobody may open during a rehearsal.

Python says which file a connection is about to open, for any driver (its
documentation, "Audit events table"). And SQLite asks before a connection of ours
attaches another one ("Compile-Time Authorization Callbacks").
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    NotRehearsedError,
    OutsideError,
    note_refusal,
)

# By the path of a file, the alias of the database; None while all may be opened.
_unreachable: dict[str, str] | None = None
_hooks: list[object] = []  # Python forgets no hook: one has to do

# Nothing but the connection knows of these.
PRIVATE = ("", ":memory:")
# Functions that reach beyond the database; the last two come with extensions.
OUTWARD = ("load_extension", "writefile", "edit")


@contextlib.contextmanager
def files_unreachable(files: Mapping[str, str]) -> Iterator[None]:
    """
    Let nothing in this process connect to these files.

    ``files`` has the alias by the NAME. An attempt raises NotRehearsedError.
    """
    global _unreachable
    if not _hooks:
        sys.addaudithook(_heard)
        _hooks.append(_heard)
    before = _unreachable
    _unreachable = {_path(name): alias for name, alias in files.items()}
    try:
        yield
    finally:
        _unreachable = before


def _heard(event: str, args: tuple[str | bytes, ...]) -> None:
    if event != "sqlite3.connect" or _unreachable is None:
        return
    if alias := _unreachable.get(_path(args[0])):
        raise note_refusal(NotRehearsedError(alias))


def attaching_nothing(factory: type[sqlite3.Connection]) -> type[sqlite3.Connection]:
    """Return a class of connections, for sqlite3.connect(), that attach no files."""

    class Connection(factory):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.set_authorizer(authorize_attached)

        def __del__(self) -> None:
            # Django lets go of one whose init_command is refused, and leaves it open.
            with contextlib.suppress(sqlite3.Error):
                self.close()

    return Connection


def _path(name: str | bytes) -> str:
    text = os.fsdecode(name)
    if text.startswith("file:"):
        text = unquote(text.removeprefix("file:").partition("?")[0])
    return os.path.realpath(text)


def authorize_attached(action: int, name: str | None, *rest: str | None) -> int:
    """
    Tell SQLite whether it may do something: not if it attaches a file.

    VACUUM INTO attaches one; a name that is an expression is not known. The backend
    of GeoDjango loads its extension now.
    """
    if action != sqlite3.SQLITE_ATTACH or name in PRIVATE:
        return sqlite3.SQLITE_OK
    note_refusal(OutsideError(f"ATTACH or VACUUM INTO {name or '(an expression)'}"))
    return sqlite3.SQLITE_DENY


def authorize(action: int, name: str | None, *rest: str | None) -> int:
    """Tell the same, once the connection is set up: no function that leads outside."""
    function = rest[0]
    if action == sqlite3.SQLITE_FUNCTION and str(function).lower() in OUTWARD:
        note_refusal(OutsideError(f"{function}()"))
        return sqlite3.SQLITE_DENY
    return authorize_attached(action, name, *rest)
