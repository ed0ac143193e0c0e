"""A version of the code, serving visitors in a process of its own."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from demo.versions import Version, environment

PATIENCE = 30


@dataclass(frozen=True)
class Summary:
    """What a process did and what went wrong."""

    operations: int
    queries: int
    failures: int
    rows_of_others: int
    slowest_ms: int
    first_error: str


class Traffic:
    """The process; ``folder`` has its log and its summary."""

    def __init__(self, version: Version, folder: Path) -> None:
        self.name = version.name
        self.folder = folder
        folder.mkdir(exist_ok=True)
        arguments = ("--name", self.name, "--folder", str(folder))
        self.errors = (folder / f"{self.name}.stderr").open("w+")
        self.process = subprocess.Popen(  # noqa: S603
            version.command("serve_traffic", *arguments),
            cwd=version.folder,
            env=environment(),
            stderr=self.errors,
        )

    def latest(self) -> Summary | None:
        """Return the last line of the log: what was done up to then."""
        log = self.folder / f"{self.name}.log"
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        return Summary(**json.loads(whole[-1])) if whole else None

    def wait_until_serving(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.latest() is None:
            self.expect_alive()
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} serves nobody after {PATIENCE} s.")
            time.sleep(0.05)

    def expect_alive(self) -> None:
        if self.process.poll() is not None:
            self.errors.seek(0)
            raise DemoError(f"{self.name} died:\n{self.errors.read()}")

    def stop(self) -> Summary:
        """Ask the process to end and return its summary."""
        self.expect_alive()
        (self.folder / f"{self.name}.stop").touch()
        status = self.process.wait(PATIENCE)
        if status != 0:
            self.errors.seek(0)
            raise DemoError(f"{self.name} ended badly:\n{self.errors.read()}")
        content: dict[str, Any] = json.loads(
            (self.folder / f"{self.name}.json").read_text()
        )
        return Summary(**content)

    def close(self) -> None:
        """End the process if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()
