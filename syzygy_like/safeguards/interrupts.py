"""Signals that end a process, handled while there is something to clean up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import NoReturn

NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
TERMINATION = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextlib.contextmanager
def terminating() -> Iterator[None]:
    """
    Let the signals that would end the process raise SystemExit, as Ctrl-C raises.

    A handler that the process has set stays. The exit code is the shell's for a signal.
    In other threads than the main one this does nothing.
    """
    numbers = [n for n in TERMINATION if signal.getsignal(n) is signal.SIG_DFL]
    with _handled(dict.fromkeys(numbers, _exit)):
        yield


@contextlib.contextmanager
def stopped_once() -> Iterator[None]:
    """
    Let only the first signal that would end the process raise.

    So the clean-up after it is not interrupted. Ctrl-C raises KeyboardInterrupt, the
    others raise SystemExit, as in ``terminating``.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if came:
            return
        came.append(number)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        _exit(number, frame)

    defaults = (signal.SIG_DFL, signal.default_int_handler)
    both = (signal.SIGINT, *TERMINATION)
    numbers = [n for n in both if signal.getsignal(n) in defaults]
    with _handled(dict.fromkeys(numbers, stop)):
        yield


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back Ctrl-C and the other signals until the end; then raise the first."""
    held: list[int] = []
    heeded = [
        number
        for number in (signal.SIGINT, *TERMINATION)
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    ]
    with _handled(dict.fromkeys(heeded, lambda number, frame: held.append(number))):
        yield
    if held:
        signal.raise_signal(held[0])


class Terminated(SystemExit):
    """A signal ends the process; code did not ask for this exit."""


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(128 + number)


@contextlib.contextmanager
def _handled(
    handlers: Mapping[int, Callable[[int, FrameType | None], object]],
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set handlers
        return
    before = {number: signal.getsignal(number) for number in handlers}
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
