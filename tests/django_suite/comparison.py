"""What two runs of the same tests say about the app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """The tests that passed in each run, and the ones expected to be lost."""

    stock: frozenset[str]
    ours: frozenset[str]
    expected: dict[str, str]

    @property
    def lost(self) -> frozenset[str]:
        return self.stock - self.ours

    @property
    def unexplained(self) -> list[str]:
        return sorted(self.lost - self.expected.keys())

    @property
    def outdated(self) -> list[str]:
        """Return the tests that are expected to be lost, and are not."""
        return sorted(self.stock & self.ours & self.expected.keys())

    @property
    def ok(self) -> bool:
        # Without any test passed, nothing was shown.
        return bool(self.stock) and not self.unexplained and not self.outdated

    def report(self, title: str) -> Iterator[str]:
        for test in sorted(self.lost & self.expected.keys()):
            yield f"expected to be lost: {test}: {self.expected[test]}"
        for test in self.outdated:
            yield f"expected to be lost, but passes: {test}"
        for test in self.unexplained:
            yield f"lost: {test}"
        line = (
            f"{title}: stock {len(self.stock)} passed, "
            f"ours {len(self.ours)} passed, {len(self.lost)} lost"
        )
        expected = len(self.lost) - len(self.unexplained)
        yield f"{line} ({expected} expected)" if expected else line
