"""Takes the time of whole processes, in turns."""

from __future__ import annotations

import dataclasses
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.project import Project, environment


@dataclasses.dataclass
class Variant:
    """One side of a comparison: a command, and the time that its runs took."""

    name: str
    arguments: Sequence[str]
    app: str = ""
    elapsed: list[float] = dataclasses.field(default_factory=list)
    computing: list[float] = dataclasses.field(default_factory=list)
    status: int = 0

    def run(self, project: Project) -> None:
        """Run the command once and note the time."""
        computing, started = _computing(), time.perf_counter()
        done = subprocess.run(  # noqa: S603
            [sys.executable, "manage.py", *self.arguments],
            cwd=project.folder,
            env=environment(self.app),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        self.elapsed.append(time.perf_counter() - started)
        self.computing.append(_computing() - computing)
        self.status = done.returncode


@dataclasses.dataclass
class Comparison:
    """Variants of which the first is what the others are measured by."""

    title: str
    variants: list[Variant]
    limit: float | None = None
    prepare: Callable[[Project], None] = lambda project: None

    def measure(self, project: Project, rounds: int) -> None:
        """Run all variants in turns, after one run that does not count."""
        for number in range(rounds + 1):
            for variant in self.variants:
                self.prepare(project)
                variant.run(project)
                if number == 0:
                    variant.elapsed.clear()
                    variant.computing.clear()

    def ratios(self, variant: Variant) -> tuple[float, float]:
        """Return the median ratios of elapsed and of computing time, by pairs."""
        base = self.variants[0]
        return (
            _median_ratio(variant.elapsed, base.elapsed),
            _median_ratio(variant.computing, base.computing),
        )


def _computing() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _median_ratio(times: Sequence[float], base: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(times, base, strict=True))
