"""A lock beside the file of an SQLite database."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from syzygy_like.safeguards.locking.lock import Holder, LockFileError, identity

SUFFIX = "-migration-lock"


class SQLiteLock:
    """
    An empty database with an exclusive transaction for as long as the lock is held.

    It is beside the one at ``path``, whose own locks the migrations need. SQLite uses
    the operating system's locks, which end with the process; so a file that was left
    behind does no harm.
    """

    def __init__(self, keeper: BaseDatabaseWrapper, path: str):
        self.identity = identity(keeper, path)
        self.path = Path(f"{path}{SUFFIX}")
        self.connection: sqlite3.Connection | None = None
        self.inode: int | None = None

    def acquire(self) -> bool:
        """
        Try to take it. Raises LockFileError if the file cannot be used.

        The run that had the lock may remove the file after it was opened here. Then
        this process has locked a file that others do not find, and has to try again.
        """
        while True:
            inode = self._inode()
            connection = self._locked()
            if inode is not None and self._inode() == inode:
                break
            if connection is not None:
                connection.close()
        # SQLite does not lock a file that it can only read, and raises no error.
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
        # Without opening the file: closing it would release all locks that the process
        # has on it. ("How To Corrupt An SQLite Database File", 2.2.)
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def is_held(self) -> bool:
        return self.connection is not None and self._inode() == self.inode

    def holder(self) -> Holder | None:
        return Holder("sqlite", path=str(self.path))

    def close(self) -> None:
        """Remove the file, then unlock it: only the lock's holder may remove it."""
        if self.connection is None:
            return
        if self.is_held():
            with contextlib.suppress(OSError):  # Windows removes no open file
                self.path.unlink()
        self.connection.close()
        self.connection = None
