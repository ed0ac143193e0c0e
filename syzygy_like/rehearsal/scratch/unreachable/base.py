"""The backend of unreachable databases, by the name that Django looks for."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from syzygy_like.rehearsal.scratch.unreachable.refusals import NotRehearsedError

Settings = dict[str, Any]


def unreachable(settings: Settings) -> Settings:
    """
    Return settings of a database with which each attempt to connect is an error.

    They name this backend, so that they work in every thread (Django's settings
    reference, "ENGINE"). All that needs no connection is as with the real backend.
    They do not say how to log in, to code that has a driver of its own.
    """
    secrets = {"USER": "", "PASSWORD": "", "OPTIONS": {}}
    engine = {"ENGINE": __package__, "REAL_ENGINE": settings["ENGINE"]}
    return {**settings, **secrets, **engine}


def DatabaseWrapper(settings: Settings, alias: str) -> BaseDatabaseWrapper:  # noqa: N802
    """Return a connection of the real engine's class that never connects."""

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise NotRehearsedError(alias)

    engine = load_backend(settings["REAL_ENGINE"]).DatabaseWrapper
    names = ("connect", "ensure_connection", "get_new_connection")
    wrapper = type("UnreachableWrapper", (engine,), dict.fromkeys(names, refuse))
    connection: BaseDatabaseWrapper = wrapper(settings, alias)
    return connection
