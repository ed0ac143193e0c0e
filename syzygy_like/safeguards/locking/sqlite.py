"""A lock beside the file of an SQLite database."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from syzygy_like.safeguards.locking.errors import LockFileError
from syzygy_like.safeguards.locking.lock import Holder, Identity, identity

SUFFIX = "-migration-lock"


class SQLiteLock:
    """
    An empty database that has an exclusive transaction as long as the lock is held.

    It is beside the one at ``path``, whose own locks migrations need. What locks it is
    SQLite, with the operating system's locks, which end with the process; so a file
    that was left behind does no harm.
    """

    def __init__(self, keeper: Any, path: str):
        self.identity: Identity = identity(keeper, path)
        self.path = Path(f"{path}{SUFFIX}")
        self.connection: sqlite3.Connection | None = None
        self.inode: int | None = None

    def acquire(self) -> bool:
        """
        Try to take it. Raises LockFileError if the file cannot be used.

        Whoever had the lock may remove the file after it was opened here: then what is
        locked is not what others find, and it has to be tried again.
        """
        while True:
            inode = self._inode()
            connection = self._locked()
            if inode is not None and self._inode() == inode:
                break
            if connection is not None:
                connection.close()
        # What SQLite can only read it does not lock, without a word.
        if connection is not None and not os.access(self.path, os.W_OK):
            connection.close()
            raise LockFileError(str(self.path), "it cannot be written to")
        self.connection, self.inode = connection, inode
        return connection is not None

    def _locked(self) -> sqlite3.Connection | None:
        """Return a connection that has locked the file, None if another one has."""
        connection = None
        try:
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
                if isinstance(error, sqlite3.OperationalError):  # it is locked
                    return None
            raise LockFileError(str(self.path), str(error)) from error
        return connection

    def _inode(self) -> int | None:
        # Not by opening the file: closing it again would end all locks of the process
        # on it. ("How To Corrupt An SQLite Database File", 2.2.)
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def is_held(self) -> bool:
        return self.connection is not None and self._inode() == self.inode

    def holder(self) -> Holder | None:
        return Holder("sqlite", path=str(self.path))

    def close(self) -> None:
        """Remove the file, then let go of it: only who has the lock may remove it."""
        if self.connection is None:
            return
        if self.is_held():
            with contextlib.suppress(OSError):  # Windows removes no open file
                self.path.unlink()
        self.connection.close()
        self.connection = None
