"""Scratch databases, in place of the real ones for the time of a rehearsal."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from syzygy_like.rehearsal.scratch.aliases import (
    files,
    real,
    refuse_transaction,
    swap,
)
from syzygy_like.rehearsal.scratch.creation import Maker, maker
from syzygy_like.rehearsal.scratch.errors import (
    CannotCopyError,
    LeftBehindError,
    ScratchError,
    WrongDatabaseError,
)
from syzygy_like.rehearsal.scratch.unreachable.base import Settings, unreachable
from syzygy_like.rehearsal.scratch.unreachable.files import files_unreachable
from syzygy_like.rehearsal.scratch.unreachable.refusals import (
    OutOfReachError,
    forget_refusals,
)
from syzygy_like.rehearsal.scratch.unreachable.statements import (
    StatementFilter,
    add_filter,
)
from syzygy_like.safeguards.interrupts import held_back, terminating


class Scratch:
    """
    Scratch databases in place of some aliases' real ones, as long as it is entered.

    They are empty, and dropped however it ends. Meanwhile no other alias can be
    connected to, but for those whose TEST setting "MIRROR" names one of these: as in
    Django's tests they get the same database. All that holds for this thread and
    for threads started meanwhile; connections that exist already are left alone.

    On a server they are those of a user that is made and dropped with them, and has
    no rights on anything else, if the user of the settings may make one. A statement
    that leads outside raises an OutsideError, or what the driver raises; it is noted.
    """

    def __init__(self, aliases: Sequence[str]):
        self.aliases = [*dict.fromkeys(aliases)]
        # The scratch database of each alias; two have one if the real one is one.
        self.names: dict[str, str] = {}
        self._makers: dict[str, Maker] = {}
        self._made: dict[str, Maker] = {}
        self._filters: dict[str, StatementFilter] = {}
        self._copies: dict[str, dict[str, str]] = {}
        self._stack = contextlib.ExitStack()
        self._process = 0
        self._threads: set[threading.Thread] = set()

    def __enter__(self) -> Scratch:
        """Raise InTransactionError, ScratchError or OutsideError if it cannot be."""
        forget_refusals()
        self._process = os.getpid()
        self._threads = set(threading.enumerate())
        with contextlib.ExitStack() as stack:
            stack.enter_context(terminating())
            stack.push(self._drop_all)
            self._makers = {alias: maker(alias) for alias in self.aliases}
            for alias in self.aliases:
                refuse_transaction(alias)
            self.names = self._create()
            others = {
                alias: unreachable(connections.settings[alias])
                for alias in connections
                if alias not in self.names
            }
            stack.enter_context(files_unreachable(files()))
            stack.enter_context(swap({**others, **self._settings(self.names)}))
            stack.enter_context(self._filtered())
            self._check(self.names)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A process forked meanwhile has no business with them.
        if os.getpid() == self._process:
            self._stack.callback(self._await_threads)
            self._stack.__exit__(kind, error, traceback)

    def _await_threads(self) -> None:
        """Wait for threads started meanwhile, while nothing real is within reach."""
        for thread in {*threading.enumerate()} - self._threads:
            if not thread.daemon and thread is not threading.current_thread():
                thread.join()

    def copy(self, what: str) -> None:
        """Keep copies of the databases as they are now; or raise CannotCopyError."""
        for alias in self.names:
            refuse_transaction(alias)
            connections[alias].close()
        self._copies[what] = self._copied(self.names)

    @contextlib.contextmanager
    def copied(self, what: str) -> Iterator[None]:
        """Connect the aliases to fresh databases that are as those were."""
        for alias in self.names:
            refuse_transaction(alias)
        before = {*self._made}
        try:
            names = self._copied(self._copies[what])
            with swap(self._settings(names)):
                self._check(names)
                yield
        finally:
            with held_back():  # what is not dropped now is tried again at the end
                self._drop({*self._made} - before)

    @property
    def without_account(self) -> list[str]:
        """The aliases of which a server has the user of the settings at work."""
        return [
            alias
            for alias in self.names
            if (found := self._makers[alias]).vendor != "sqlite" and not found.account
        ]

    @contextlib.contextmanager
    def _filtered(self) -> Iterator[None]:
        """Filter the statements of each connection to a scratch database."""

        def receive(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
            add_filter(self._filters, connection)

        connection_created.connect(receive, weak=False)
        try:
            yield
        finally:
            connection_created.disconnect(receive)

    def _create(self) -> dict[str, str]:
        mirrors = {
            alias: connections.settings[alias]["TEST"]["MIRROR"]
            for alias in connections
            if connections.settings[alias]["TEST"]["MIRROR"] in self._makers
        }
        found: dict[tuple[str, ...], str] = {}
        names: dict[str, str] = {}
        for alias in self.aliases:
            if alias not in mirrors:
                key = real(alias)
                found[key] = names[alias] = found.get(key) or self._make(alias)
                self._makers[alias].account = self._made[names[alias]].account
        for alias, primary in mirrors.items():
            # A replica may be on another server.
            self._makers[alias] = self._makers[primary]
            names[alias] = names[primary]
        return names

    def _make(self, alias: str) -> str:
        name = self._free_name(alias)
        try:
            self._made[name].make(name)
        except Exception as error:
            self._drop([name])  # in all likelihood it was not made
            self._made.pop(name, None)
            raise ScratchError(alias, str(error)) from error
        self._filters[name] = StatementFilter(self._made[name], name)
        return name

    def _copied(self, sources: dict[str, str]) -> dict[str, str]:
        copies: dict[str, str] = {}
        for alias, source in sources.items():
            if source not in copies:
                copies[source] = self._free_name(alias)
                try:
                    self._makers[alias].copy(source, copies[source])
                except Exception as error:
                    raise CannotCopyError(alias, str(error)) from error
                filter_ = StatementFilter(self._makers[alias], copies[source])
                self._filters[copies[source]] = filter_
        return {alias: copies[source] for alias, source in sources.items()}

    def _free_name(self, alias: str) -> str:
        name = self._makers[alias].free_name()
        self._made[name] = self._makers[alias]  # an interrupt may come at any time
        return name

    def _settings(self, names: Mapping[str, str]) -> dict[str, Settings]:
        return {
            alias: self._makers[alias].settings_for(name)
            for alias, name in names.items()
        }

    def _check(self, names: dict[str, str]) -> None:
        """Connect to the databases, and to no others."""
        for alias, name in names.items():
            add_filter(self._filters, connections[alias])
            try:
                is_right = self._makers[alias].is_used_by(connections[alias], name)
            except OutOfReachError:
                raise
            except Exception as error:
                raise ScratchError(alias, str(error)) from error
            if not is_right:
                raise WrongDatabaseError(alias, name)

    def _drop(self, names: Iterable[str]) -> dict[str, Exception]:
        """Drop databases; return those that are left, and why."""
        left = {}
        for name in names:
            try:
                self._made[name].drop(name)
                del self._made[name]
            except Exception as error:
                left[name] = error
        return left

    def _drop_all(
        self, kind: object, first: BaseException | None, traceback: object
    ) -> None:
        with held_back():
            left = {**self._drop([*self._made]), **self._drop_accounts()}
            if left:
                error = next(iter(left.values()))
                raise LeftBehindError([*left], error) from first or error

    def _drop_accounts(self) -> dict[str, Exception]:
        """Drop the users that were made; return those that are left, and why."""
        makers = self._makers.values()
        found = {each.account.name: each for each in makers if each.account}
        left = {}
        for name, each in found.items():
            try:
                each.drop_account()
            except Exception as error:
                left[name] = error
        return left
