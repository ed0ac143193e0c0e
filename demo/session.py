"""What the steps of a deployment share."""

import json
import time
from pathlib import Path

from demo.console import block, heading, say, table
from demo.databases import Settings
from demo.errors import DemoError
from demo.traffic import PATIENCE, Summary, Traffic
from demo.versions import Version

HEADER = (
    "process",
    "operations",
    "queries",
    "failures",
    "rows of the other read",
    "slowest (ms)",
)


class Session:
    """A folder with a database, and the processes that serve from it."""

    def __init__(self, folder: Path, database: Settings) -> None:
        self.folder = folder
        self.serving: dict[str, Traffic] = {}
        self.summaries: dict[str, Summary] = {}
        self.steps = 0
        (folder / "database.json").write_text(json.dumps(database, indent=4))

    def step(self, title: str) -> None:
        self.steps += 1
        heading(self.steps, title)

    def start(self, version: Version) -> None:
        say(f"   {version.name}$ python manage.py serve_traffic --name {version.name}")
        self.serving[version.name] = Traffic(version, self.folder / "traffic")
        self.serving[version.name].wait_until_serving()
        block(f"{version.name} is serving")
        say()

    def watch(self, seconds: int) -> None:
        """Let the processes serve, until each of them got on."""
        before = self.progress()
        started = time.monotonic()
        idle = list(before)
        while idle or time.monotonic() - started < seconds:
            time.sleep(1)
            now = self.progress()
            block("   ".join(f"{name}: {now[name]} operations" for name in now))
            idle = [name for name in now if now[name] <= before[name]]
            if idle and time.monotonic() - started > PATIENCE:
                raise DemoError(f"{', '.join(idle)} did nothing for {PATIENCE} s.")
        say()

    def progress(self) -> dict[str, int]:
        operations = {}
        for name, traffic in self.serving.items():
            traffic.expect_alive()
            latest = traffic.latest()
            operations[name] = latest.operations if latest else 0
        return operations

    def stop(self, version: Version) -> None:
        say(f"   {version.name} is told to stop")
        summary = self.serving.pop(version.name).stop()
        self.summaries[version.name] = summary
        block(f"{summary.operations} operations, {summary.failures} of them failed")
        say()

    def close(self) -> None:
        for traffic in self.serving.values():
            traffic.close()

    def report(self) -> None:
        """Print a line for each process, and the first error of each."""
        say("\nSummary\n")
        table(HEADER, (row(name, each) for name, each in self.summaries.items()))
        for name, summary in self.summaries.items():
            if summary.first_error:
                say(f"\n   First error of {name}: {summary.first_error}")


def row(name: str, summary: Summary) -> tuple[object, ...]:
    return (
        name,
        summary.operations,
        summary.queries,
        summary.failures,
        summary.rows_of_others,
        summary.slowest_ms,
    )
