"""Meetings in a cache."""

from __future__ import annotations

import contextlib
import hashlib
import random
import secrets
import time
from collections.abc import Iterator
from typing import Any

from django.core.cache import caches
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
from syzygy_like.safeguards.quorum.meeting import Meetings, dumps, loads
from syzygy_like.safeguards.quorum.store import Step

# Caches that other processes do not see, or whose add() lets two of them in.
UNFIT = (DummyCache, FileBasedCache, LocMemCache)
# How long what is said is kept, in seconds; each beat begins it anew.
KEPT = 24 * 60 * 60
# How long the lock holds if its owner is killed, in seconds. It is had for a moment.
LOCKED = 10
# How long to wait at most before the lock is tried again, in seconds.
PAUSE = 0.02


class Cache:
    """Keeps meetings under a key, with another one as the lock of it."""

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

    def _backend(self) -> Any:
        try:
            return self._cache
        except Exception as error:  # it, or its client, may be anybody's
            raise MeetingPlaceError(self.place, error) from error

    @property
    def _cache(self) -> Any:
        return caches[self.place.alias]  # one for each thread

    def another(self) -> Cache:
        """Return the same store: threads have caches of their own."""
        return self

    def close(self) -> None:
        """Let the cache do what it does at the end of a request."""
        with contextlib.suppress(Exception):
            self._cache.close()

    def change(self, step: Step) -> Meetings:
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
        # Some caches say nothing when they do not keep what they are given.
        if self._cache.get(self.key) != text:
            raise CacheFaultError(CacheFault.FORGETS)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock. Raises CacheFaultError if it is not to be had."""
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
        # What is there is no text of ours; a client is not installed.
        except (ValueError, ImportError) as error:
            raise MeetingPlaceError(self.place, error) from error
        except Exception as error:  # each client has its own
            close_old_connections()
            raise UnreachableError(self.place, error) from error
