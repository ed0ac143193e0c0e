"""Operations for migrations."""

from syzygy_like.operations.backfill import Backfill

__all__ = ["Backfill"]
