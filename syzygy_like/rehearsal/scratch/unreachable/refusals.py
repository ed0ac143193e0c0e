"""What was refused, for it would have left the scratch databases."""

from __future__ import annotations

import dataclasses

from syzygy_like.planning.history import Key


class OutOfReachError(Exception):
    """
    Something was about to leave the scratch databases, and was not done.

    ``migration`` is the key of the one that was at work, if that is known.
    """

    migration: Key | None = None


@dataclasses.dataclass(eq=False)
class NotRehearsedError(OutOfReachError):
    """Something was about to connect to a database that is not rehearsed."""

    alias: str


@dataclasses.dataclass(eq=False)
class OutsideError(OutOfReachError):
    """
    A statement was about to do something outside of its scratch database.

    ``name`` is what leads there, or what the server says of it.
    """

    name: str
    statement: str = ""


_noted: list[OutOfReachError] = []


def note_refusal(error: OutOfReachError) -> OutOfReachError:
    """Remember a refusal, in case that nobody hears of the error; and return it."""
    _noted.append(error)
    return error


def forget_refusals() -> None:
    """Forget all refusals."""
    _noted.clear()


def find_refusal(error: BaseException | None = None) -> OutOfReachError | None:
    """Return the refusal that an error comes from, else the first of all, if any."""
    while error:
        if isinstance(error, OutOfReachError):
            return error
        error = getattr(error, "error", None) or error.__cause__ or error.__context__
    return next(iter(_noted), None)


def raise_refusal(migration: Key | None = None) -> None:
    """
    Raise the first refusal, if there was any: code may have swallowed the error.

    ``migration`` is the one that has been at work, if that is known.
    """
    if found := find_refusal():
        found.migration = found.migration or migration
        raise found
