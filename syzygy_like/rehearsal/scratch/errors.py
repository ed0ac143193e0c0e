"""Why there is no scratch database, or why one is left."""

from __future__ import annotations

from collections.abc import Sequence


class InTransactionError(Exception):
    """An alias is in a transaction that began outside."""

    def __init__(self, alias: str):
        super().__init__(alias)
        self.alias = alias


class ScratchError(Exception):
    """There can be no scratch database for an alias; with what the backend says."""

    def __init__(self, alias: str, error_text: str):
        super().__init__(alias, error_text)
        self.alias = alias
        self.error_text = error_text


class WrongDatabaseError(ScratchError):
    """
    With the settings' NAME replaced, an alias is not connected to that database.

    OPTIONS that name another one, or a pooler, can do that. The text is the name of
    the scratch database.
    """


class CannotCopyError(ScratchError):
    """A scratch database cannot be copied."""


class LeftBehindError(Exception):
    """
    Scratch databases, or users made for them, could not be dropped.

    ``error`` says why the first of them could not; the cause is what had happened
    before, if anything.
    """

    def __init__(self, names: Sequence[str], error: Exception):
        super().__init__(names, error)
        self.names = names
        self.error = error
