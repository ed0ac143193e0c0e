"""
What the application name of a connection says of its code.

It is PostgreSQL's ``application_name``, of at most 63 printable ASCII characters
("Error Reporting and Logging"): the name that it has anyway, cut, and a mark.
"""

from __future__ import annotations

import dataclasses
import enum
import re

LENGTH = 63
PATTERN = re.compile(r" ?\[syzygy([ ~:])([0-9a-f]{8})\]")


class Way(enum.Enum):
    """How a connection goes to the server; the value is part of the mark."""

    DIRECT = " "
    POOLED = "~"
    # It was opened by a pool of the driver's and has not been used.
    UNKNOWN = ":"


@dataclasses.dataclass(frozen=True)
class Mark:
    """Which code a connection belongs to, by its id, and which way it goes."""

    code: str
    way: Way

    def on(self, name: str) -> str:
        """Return an application name with this mark, whatever mark it had."""
        mark = f"[syzygy{self.way.value}{self.code}]"
        known = bare(name)[: LENGTH - len(mark) - 1]
        printable = "".join(each if " " <= each <= "~" else "?" for each in known)
        return f"{printable} {mark}".lstrip()


def read(name: str) -> Mark | None:
    """Return the mark on an application name, None if it has none."""
    found = PATTERN.search(name)
    return Mark(found[2], Way(found[1])) if found else None


def bare(name: str) -> str:
    """Return an application name without a mark."""
    return PATTERN.sub("", name)
