"""
Why a backfill cannot run.

Its migration may be applied by any command, so these say by themselves what is wrong.
"""

from __future__ import annotations

from django.db import NotSupportedError


class InTransactionError(NotSupportedError):
    """A backfill was begun in a transaction; ``label`` is that of its model."""

    def __init__(self, label: str):
        super().__init__(label)
        self.label = label

    def __str__(self) -> str:
        return (
            f"The backfill of {self.label} cannot run in a transaction: each of its "
            "batches is one. Set atomic = False on the class of the migration, and "
            "open no transaction around the command."
        )


class CompositeKeyError(NotSupportedError):
    """SQL was given for a model whose primary key has several columns."""

    def __init__(self, label: str):
        super().__init__(label)
        self.label = label

    def __str__(self) -> str:
        return (
            f"The backfill of {self.label} cannot be written as SQL, for its primary "
            "key has several columns: use update or function."
        )
