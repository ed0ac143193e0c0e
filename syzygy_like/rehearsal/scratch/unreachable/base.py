"""The backend of guarded databases; Django looks for it by the name of this module."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from syzygy_like.rehearsal.scratch.unreachable import NotRehearsedError


def DatabaseWrapper(settings: dict[str, Any], alias: str) -> BaseDatabaseWrapper:  # noqa: N802
    """Return a connection of the guarded engine's class that never connects."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotRehearsedError(alias)

    engine = load_backend(settings["GUARDED_ENGINE"]).DatabaseWrapper
    names = ("connect", "ensure_connection", "get_new_connection")
    guarded = type("GuardedWrapper", (engine,), dict.fromkeys(names, refuse))
    wrapper: BaseDatabaseWrapper = guarded(settings, alias)
    return wrapper
