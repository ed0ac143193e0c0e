"""A lock that is held."""

from __future__ import annotations

from django.db import Error

from syzygy_like.safeguards.locking.errors import LostLockError
from syzygy_like.safeguards.locking.lock import Lock


class Hold:
    """The lock of the database of an alias, or of one that needs none."""

    def __init__(self, alias: str = "", lock: Lock | None = None):
        self.alias = alias
        self.lock = lock

    def check(self) -> None:
        """
        Raise LostLockError if it is not held any longer.

        Its connection was cut, or the server started anew: another run may be at work.
        """
        try:
            is_held = self.lock is None or self.lock.is_held()
        except Error as error:
            raise LostLockError(self.alias, str(error).strip()) from error
        if not is_held:
            raise LostLockError(self.alias)
