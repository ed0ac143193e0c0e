"""The two versions of the example project, each in a folder of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.console import block, say
from demo.errors import DemoError

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "project"
IGNORED = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True)
class Version:
    """A checkout of the example project."""

    name: str
    folder: Path

    @property
    def migrations(self) -> Path:
        return self.folder / "shop" / "migrations"

    @property
    def models(self) -> str:
        return (self.folder / "shop" / "models.py").read_text()

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "manage.py", *arguments]

    def manage(self, *arguments: str, status: int = 0) -> str:
        """Run ``manage.py``, print it, and return what it wrote."""
        say(f"   {self.name}$ python manage.py {' '.join(arguments)}")
        done = subprocess.run(  # noqa: S603
            self.command(*arguments),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        block(f"{done.stdout}[exit status {done.returncode}]")
        say()
        if done.returncode != status:
            raise DemoError(f"Exit status {done.returncode} instead of {status}.")
        return done.stdout


def environment() -> dict[str, str]:
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "DJANGO_SETTINGS_MODULE": "mysite.settings",
        "DJANGO_COLORS": "nocolor",
    }


def check_out(folder: Path, name: str, *layers: str) -> Version:
    """Copy version 1, and over it the files that a later version changes."""
    for layer in ("v1", *layers):
        source = TEMPLATES / layer
        shutil.copytree(source, folder / name, dirs_exist_ok=True, ignore=IGNORED)
    return Version(name, folder / name)
