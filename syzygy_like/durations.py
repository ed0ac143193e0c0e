"""Lengths of time, as people write them."""

from __future__ import annotations

import datetime
import re
from typing import Any

# What PostgreSQL can have as a timeout, in milliseconds, as an integer of 32 bits.
LONGEST = (2**31 - 1) / 1000
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)?")


def seconds(value: Any) -> float:
    """
    Return a length of time in seconds.

    It is a ``timedelta``, a number of seconds, or a text such as "500ms", "2s",
    "1.5min" or "1h"; without a unit it is in seconds. Raises ValueError, also for what
    is longer than 24 days.
    """
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, str):
        match = PATTERN.fullmatch(value.strip())
        if match is None:
            raise ValueError(value)
        value = float(match[1]) * UNITS[match[2] or "s"]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LONGEST:
        raise ValueError(value)
    return float(value)


def text(length: float) -> str:
    """Return a number of seconds as people write it: "500 ms", "12 s", "3 min 5 s"."""
    if length < 1:
        return f"{length * 1000:.0f} ms"
    if length < 10 and length % 1:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
