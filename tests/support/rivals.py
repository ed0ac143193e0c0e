"""Other runs that have the lock of a database's migrations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connections

from syzygy_like.safeguards.locking.sqlite import SUFFIX, SQLiteLock
from syzygy_like.safeguards.locking.vendors import lock_for

ENDS = {"postgresql": "SELECT pg_terminate_backend(%s)", "mysql": "KILL %s"}


@contextlib.contextmanager
def rival(alias: str) -> Iterator[Any]:
    """Have the lock as another run does: by a session of its own."""
    lock = lock_for(alias)
    assert lock is not None
    with contextlib.closing(lock):
        assert lock.acquire()
        yield lock


def is_free(alias: str) -> bool:
    """Tell whether another run could have the lock."""
    lock = lock_for(alias)
    assert lock is not None
    with contextlib.closing(lock):
        return lock.acquire()


def end(alias: str) -> None:
    """Take the lock from its holder, as its server does."""
    lock = lock_for(alias)
    with contextlib.closing(lock):
        if isinstance(lock, SQLiteLock):
            lock.path.unlink()
            return
        lock.acquire()  # in vain, but then there is a connection
        connection = lock.connection
        with connection.cursor() as cursor:
            cursor.execute(ENDS[connection.vendor], [lock.holder().pid])


def lock_file(alias: str) -> str:
    """Return the path of the lock of an SQLite database."""
    return f"{connections[alias].settings_dict['NAME']}{SUFFIX}"
