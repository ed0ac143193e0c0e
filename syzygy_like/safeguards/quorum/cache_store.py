"""Meetings in a cache."""

from __future__ import annotations

import contextlib
import hashlib
import random
import secrets
import time
from collections.abc import Iterator

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import close_old_connections, connections

from syzygy_like.safeguards.locking.vendors import database_name
from syzygy_like.safeguards.quorum.errors import (
    CacheFault,
    CacheFaultError,
    MeetingPlaceError,
    Place,
    UnfitCacheError,
    UnreachableError,
)
from syzygy_like.safeguards.quorum.meeting import Meetings, Transition, dumps, loads

# Caches that other processes do not see, or whose add() lets two of them in.
UNFIT = (DummyCache, FileBasedCache, LocMemCache)
# How long meetings are kept after the last heartbeat, in seconds.
KEPT = 24 * 60 * 60
# After how many seconds the lock expires if its owner is killed. It is held briefly.
LOCKED = 10
# How long to wait at most before the lock is tried again, in seconds.
PAUSE = 0.02


class CacheStore:
    """Keeps meetings under one key of a cache, and locks them by another."""

    def __init__(self, cache: str, alias: str):
        self.place = Place(cache, is_cache=True)
        backend = self._backend()
        if isinstance(backend, UNFIT):
            raise UnfitCacheError(cache, type(backend).__name__)
        migrated = connections[alias]
        name = database_name(migrated) or str(migrated.settings_dict["NAME"])
        digest = hashlib.sha256(f"{migrated.vendor} {name}".encode()).hexdigest()
        self.key = f"syzygy_like.safeguards.quorum.{digest[:32]}"
        self.lock = f"{self.key}.lock"

    def _backend(self) -> BaseCache:
        try:
            return self._cache
        except Exception as error:  # from any cache backend, or its client
            raise MeetingPlaceError(self.place, error) from error

    @property
    def _cache(self) -> BaseCache:
        return caches[self.place.alias]  # one for each thread

    def another(self) -> CacheStore:
        """Return the same store: threads have caches of their own."""
        return self

    def close(self) -> None:
        """Close the cache as Django does at the end of a request."""
        with contextlib.suppress(Exception):
            self._cache.close()

    def change(self, step: Transition) -> Meetings:
        """Change the meetings; see ``Store``."""
        with self._translating():
            before = loads(self._cache.get(self.key, "[]"))
            if step(before) == before:
                return before
            with self._locked():
                before = loads(self._cache.get(self.key, "[]"))
                after = step(before)
                if after != before:
                    self._write(after)
                return after

    def _write(self, meetings: Meetings) -> None:
        if not meetings.meetings:
            self._cache.delete(self.key)
            return
        text = dumps(meetings)
        self._cache.set(self.key, text, KEPT)
        # Some caches raise no error when they do not keep a value.
        if self._cache.get(self.key) != text:
            raise CacheFaultError(CacheFault.FORGETS)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock. Raises CacheFaultError if another process keeps it."""
        own = secrets.token_hex(8)
        deadline = time.monotonic() + 2 * LOCKED
        while not self._take(own):
            if time.monotonic() > deadline:
                raise CacheFaultError(CacheFault.LOCKED)
            time.sleep(random.uniform(0, PAUSE))  # noqa: S311 - no secret
        try:
            yield
        finally:
            if self._cache.get(self.lock) == own:
                self._cache.delete(self.lock)

    def _take(self, own: str) -> bool:
        # Django's database cache may let two in when a lock has expired.
        taken = self._cache.add(self.lock, own, LOCKED)
        return bool(taken) and self._cache.get(self.lock) == own

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        # The value there is not ours; or the cache's client is not installed.
        except (ValueError, ImportError) as error:
            raise MeetingPlaceError(self.place, error) from error
        except Exception as error:  # each client has its own
            close_old_connections()
            raise UnreachableError(self.place, error) from error
