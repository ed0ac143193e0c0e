"""``makemigrations --split``: a migration that fits no stage, written as several."""

from syzygy_like.makemigrations.split.command import split

__all__ = ["split"]
