"""What the commands that override Django's have in common."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from syzygy_like.checks import suspended


class WithoutCheck(BaseCommand):
    """
    A command that looks at migrations by itself.

    The check would stop it at the very migrations that it deals with.
    """

    def check(self, *args: Any, **kwargs: Any) -> None:
        with suspended():
            super().check(*args, **kwargs)
