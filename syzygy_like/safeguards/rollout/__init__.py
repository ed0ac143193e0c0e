"""Which code the connections of a database belong to."""

from __future__ import annotations

from syzygy_like.safeguards.rollout.backends import Backend
from syzygy_like.safeguards.rollout.connection import (
    BehindPoolerError,
    NotMarkedError,
    UnsupportedError,
)
from syzygy_like.safeguards.rollout.detection import (
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
    Watching,
)
from syzygy_like.safeguards.rollout.marking import mark_connections
from syzygy_like.safeguards.rollout.waiting import wait_for_rollout

__all__ = [
    "Backend",
    "BehindPoolerError",
    "NotMarkedError",
    "OthersSeen",
    "RolledOut",
    "RolloutUnfinishedError",
    "UnsupportedError",
    "Watching",
    "mark_connections",
    "wait_for_rollout",
]
