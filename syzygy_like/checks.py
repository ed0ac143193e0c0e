"""
The system check, which looks at migrations only if they have changed.

It runs with nearly every command, so nothing is imported before it is needed.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage

_suspended = contextvars.ContextVar("suspended", default=False)


@contextlib.contextmanager
def suspended() -> Iterator[None]:
    """Leave out the check, for a command that looks at migrations itself."""
    token = _suspended.set(True)
    try:
        yield
    finally:
        _suspended.reset(token)


def check_stages(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Return what is wrong with the migrations of some apps, by default of all."""
    if _suspended.get():
        return []
    from syzygy_like.planning import review_cache

    if review_cache.is_clean():
        return []
    from syzygy_like.planning.review import review

    labels = None if app_configs is None else {each.label for each in app_configs}
    messages, modules = review(labels)
    if labels is None and not messages:
        review_cache.remember(modules)
    return messages
