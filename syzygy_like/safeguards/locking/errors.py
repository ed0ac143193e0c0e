"""What can go wrong with the lock. Aliases are those of the settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syzygy_like.safeguards.locking.lock import Holder


class LockWaitError(Exception):
    """
    Another run has had the lock for as long as this one may wait.

    ``wait`` is in seconds; ``holder`` is who has it, None if that cannot be told.
    """

    def __init__(self, alias: str, wait: float, holder: Holder | None):
        super().__init__(alias, wait, holder)
        self.alias = alias
        self.wait = wait
        self.holder = holder


class LostLockError(Exception):
    """The lock is not held any longer; ``reason`` is what the server says, if any."""

    def __init__(self, alias: str, reason: str = ""):
        super().__init__(alias, reason)
        self.alias = alias
        self.reason = reason


class PooledError(Exception):
    """Statements of one connection go to several sessions, so none keeps a lock."""

    def __init__(self, alias: str):
        super().__init__(alias)
        self.alias = alias


class LockFileError(Exception):
    """The file that is the lock of an SQLite database cannot be used."""

    def __init__(self, path: str, reason: str):
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Unlocked:
    """A run goes on without the lock of an alias, which an ``error`` keeps it from."""

    alias: str
    error: Exception


class LockUnreachableError(Exception):
    """The database whose server has the lock does not answer."""

    def __init__(self, alias: str, error: Exception):
        super().__init__(alias, error)
        self.alias = alias
        self.error = error
