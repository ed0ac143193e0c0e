"""What a lock is, and who has it."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

# What tells a lock from others: where it is kept, and the name of the database.
Identity = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Holder:
    """
    Who has a lock.

    ``pid`` is the number of its session at a server of the vendor, which may know more:
    its application_name, and for how many seconds it is connected. On SQLite ``path``
    is the file that it has locked, and no more is known.
    """

    vendor: str
    pid: int | None = None
    application: str = ""
    connected: float | None = None
    path: str = ""


class Lock(Protocol):
    """A lock that ends with the process that has it, however that ends."""

    identity: Identity

    def acquire(self) -> bool:
        """Try to take it, without waiting, and tell whether that was possible."""

    def is_held(self) -> bool:
        """Tell whether it is held. Raises an Error of Django's, too, if it is not."""

    def holder(self) -> Holder | None:
        """Return who has it, None if that cannot be told."""

    def close(self) -> None:
        """Give it back if it is held."""


def identity(keeper: Any, name: str) -> Identity:
    """Return what tells a lock from others that a connection's server keeps."""
    settings = keeper.settings_dict
    where = (str(settings.get(key)) for key in ("ENGINE", "HOST", "PORT", "NAME"))
    return (*where, name)
