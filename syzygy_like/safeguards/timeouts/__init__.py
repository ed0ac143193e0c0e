"""How long statements wait for locks, and that they are tried again."""

from __future__ import annotations

from syzygy_like.safeguards.limits import Limits
from syzygy_like.safeguards.timeouts.blockers import Blocker
from syzygy_like.safeguards.timeouts.errors import (
    LimitError,
    LockTimeoutError,
    NoLimitsError,
    StatementTimeoutError,
)
from syzygy_like.safeguards.timeouts.events import Retry, Unlimited
from syzygy_like.safeguards.timeouts.exemptions import exempt
from syzygy_like.safeguards.timeouts.retry import Patient

__all__ = [
    "Blocker",
    "LimitError",
    "Limits",
    "LockTimeoutError",
    "NoLimitsError",
    "Patient",
    "Retry",
    "StatementTimeoutError",
    "Unlimited",
    "exempt",
]
