"""Which code the connections of a database belong to."""

from __future__ import annotations

from syzygy_like.rollout.backends import Backend
from syzygy_like.rollout.gate import wait_for_rollout
from syzygy_like.rollout.looking import (
    BehindPoolerError,
    NotMarkedError,
    UnsupportedError,
)
from syzygy_like.rollout.marking import mark_connections
from syzygy_like.rollout.watch import (
    OthersSeen,
    RolledOut,
    RolloutUnfinishedError,
    Watching,
)

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
