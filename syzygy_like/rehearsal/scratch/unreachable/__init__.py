"""What a rehearsal has no scratch database for: nobody may use it."""

from __future__ import annotations

from typing import Any


class OutOfReachError(Exception):
    """
    Something was about to leave the scratch databases, and was not done.

    ``migration`` is the key of the one that was at work, if that is known.
    """

    migration: tuple[str, str] | None = None


class NotRehearsedError(OutOfReachError):
    """Something was about to connect to a database that is not rehearsed."""

    def __init__(self, alias: str):
        super().__init__(alias)
        self.alias = alias


class OutsideError(OutOfReachError):
    """
    A statement was about to do something outside of its scratch database.

    ``name`` is what leads there, or what the server says of it.
    """

    def __init__(self, name: str, statement: str = ""):
        super().__init__(name, statement)
        self.name = name
        self.statement = statement


_noted: list[OutOfReachError] = []


def note(error: OutOfReachError) -> OutOfReachError:
    """Remember a refusal, in case that nobody hears of the error; and return it."""
    _noted.append(error)
    return error


def forget() -> None:
    """Forget all refusals."""
    _noted.clear()


def refusal(error: BaseException | None = None) -> OutOfReachError | None:
    """Return the refusal that an error comes from, else the first of all, if any."""
    while error:
        if isinstance(error, OutOfReachError):
            return error
        error = getattr(error, "error", None) or error.__cause__ or error.__context__
    return next(iter(_noted), None)


def raise_refusal(migration: tuple[str, str] | None = None) -> None:
    """
    Raise the first refusal, if there was any: code may have swallowed the error.

    ``migration`` is the one that has been at work, if that is known.
    """
    if found := refusal():
        found.migration = found.migration or migration
        raise found


def guarded(settings: dict[str, Any]) -> dict[str, Any]:
    """
    Return settings of a database with which each attempt to connect is an error.

    They name a backend of ours, so that they work in every thread (Django's settings
    reference, "ENGINE"). All that needs no connection is as with the real backend.
    They do not say how to log in, to whoever has a driver of their own.
    """
    secrets: dict[str, Any] = {"USER": "", "PASSWORD": "", "OPTIONS": {}}
    engine = {"ENGINE": __name__, "GUARDED_ENGINE": settings["ENGINE"]}
    return {**settings, **secrets, **engine}
