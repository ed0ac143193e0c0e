"""Why there is no scratch database, or why one is left."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(eq=False)
class InTransactionError(Exception):
    """An alias is in a transaction that began outside."""

    alias: str


@dataclasses.dataclass(eq=False)
class ScratchError(Exception):
    """There can be no scratch database for an alias; with what the backend says."""

    alias: str
    error_text: str


class WrongDatabaseError(ScratchError):
    """
    With the settings' NAME replaced, an alias is not connected to that database.

    OPTIONS that name another one, or a pooler, can do that. The text is the name of
    the scratch database.
    """


class CannotCopyError(ScratchError):
    """A scratch database cannot be copied."""


@dataclasses.dataclass(eq=False)
class LeftBehindError(Exception):
    """
    Scratch databases, or users made for them, could not be dropped.

    ``error`` says why the first of them could not; the cause is what had happened
    before, if anything.
    """

    names: Sequence[str]
    error: Exception
