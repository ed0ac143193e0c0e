"""An environment for each upgrade: the new release, and the old one's file beside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.upgrades.catalogue import Upgrade

ROOT = Path(__file__).parents[2]
# What of us is needed beside the package itself.
OURS = ["-e", f"{ROOT}[postgres,sql]", "psycopg[binary]>=3.1.12"]


class Uninstallable(Exception):
    """An environment could not be made; the message is the reason."""


class Environment:
    """The folder of one upgrade."""

    def __init__(self, name: str, upgrade: Upgrade, folder: Path):
        self.upgrade = upgrade
        self.folder = folder / name
        self.venv = self.folder / "venv"
        self.old = self.folder / "old"
        self.data = self.folder / "data"

    @property
    def python(self) -> Path:
        inside = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return self.venv / inside

    def prepare(self) -> None:
        """Install all there is to install, unless that has been done already."""
        self.data.mkdir(parents=True, exist_ok=True)
        if self._is_complete():
            return
        self._make()
        for requirements in (*self.upgrade.requirements, OURS):
            self._pip("install", *requirements)
        if not self._archives():
            options = ["--no-deps", "--dest", str(self.old)]
            self._pip("download", *options, self.upgrade.old_requirement)
        self._stamp.write_text(self._wanted)

    def old_release(self) -> Path:
        """Return the file of the old release."""
        return self._archives()[0]

    @property
    def _stamp(self) -> Path:
        return self.folder / "installed.json"

    @property
    def _wanted(self) -> str:
        upgrade = self.upgrade
        return json.dumps([upgrade.python, upgrade.requirements, upgrade.old])

    def _is_complete(self) -> bool:
        return self._stamp.exists() and self._stamp.read_text() == self._wanted

    def _archives(self) -> list[Path]:
        # Its name has the release, or it is another one's.
        return sorted(self.old.glob(f"*-{self.upgrade.old}[-.]*"))

    def _make(self) -> None:
        if self.python.exists():
            return
        wanted = f"python{self.upgrade.python}"
        at_hand = f"{sys.version_info.major}.{sys.version_info.minor}"
        found = sys.executable if at_hand == self.upgrade.python else None
        if not (python := found or find_python(wanted)):
            raise Uninstallable(f"there is no {wanted}")
        run(python, "-m", "venv", "--clear", str(self.venv))

    def _pip(self, *arguments: str) -> None:
        run(str(self.python), "-m", "pip", "--quiet", *arguments)


def find_python(name: str) -> str | None:
    """Return the path of an interpreter, pyenv's if none is on PATH."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # pyenv's shims answer for what it has, but do not run.
    path = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if Path(folder) != root / "shims"
    ]
    path += [str(folder) for folder in sorted(root.glob("versions/3.*/bin"))]
    return shutil.which(name, path=os.pathsep.join(path))


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Uninstallable("\n".join(lines[-8:]))
