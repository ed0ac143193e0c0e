"""What the commands that override Django's have in common."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from syzygy_like.checks import suspended


class WithoutCheck(BaseCommand):
    """
    A command that looks at migrations by itself.

    The check would stop it at the very migrations that it deals with.
    """

    def check(self, *args: Any, **kwargs: Any) -> None:
        with suspended():
            super().check(*args, **kwargs)


def refuse_other_formats(given: object, formats: Collection[str]) -> None:
    """Raise CommandError for a format that argparse would refuse (``call_command``)."""
    if given not in formats:
        known = ", ".join(formats)
        raise CommandError(
            f"--format takes one of {known}, not {given!r}.", returncode=2
        )
