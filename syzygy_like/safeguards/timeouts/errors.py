"""What statements fail for that waited, or took, too long."""

from __future__ import annotations

from syzygy_like.safeguards.timeouts.blockers import Blocker


class LimitError(Exception):
    """
    A migration has come up against a limit.

    ``name`` is the migration's, ``limit`` in seconds, ``statement`` the SQL or "" if it
    is not known. ``is_safe`` tells whether it could begin anew.
    """

    def __init__(self, name: str, limit: float | None, statement: str, is_safe: bool):
        super().__init__(name, limit, statement, is_safe)
        self.name = name
        self.limit = limit
        self.statement = statement
        self.is_safe = is_safe


class LockTimeoutError(LimitError):
    """
    A lock was not to be had in so many ``tries``, in so many ``seconds`` in all.

    ``is_deadlock`` tells whether the last try was ended as it was in a deadlock.
    """

    tries: int = 1
    seconds: float = 0.0
    vendor: str = ""
    blockers: tuple[Blocker, ...] = ()
    is_deadlock: bool = False


class StatementTimeoutError(LimitError):
    """A statement took too long."""


class NoLimitsError(Exception):
    """A database knows no such limits; it is of this vendor, in Django's words."""

    def __init__(self, alias: str, vendor: str):
        super().__init__(alias, vendor)
        self.alias = alias
        self.vendor = vendor
