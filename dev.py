"""
Run the demo or the tests on a machine that has Python and nothing else.

    python dev.py demo [--database sqlite|postgresql|mysql] [--keep] [--contrast]
    python dev.py test [pytest's arguments]
    python dev.py nox [nox's arguments]

All that is needed goes into a virtual environment in .venv.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import venv

OLDEST, NEWEST = (3, 10), (3, 14)
VERSION = sys.version.split()[0]
ROOT = pathlib.Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
COMMANDS = {
    "demo": ["-m", "demo"],
    "test": ["-m", "pytest"],
    "nox": ["-m", "nox", "--noxfile", str(ROOT / "noxfile.py")],
}


def main(arguments):
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return f"This needs Python 3.10 to 3.14; {sys.executable} is {VERSION}."
    if not arguments or arguments[0] not in COMMANDS:
        return __doc__.strip()
    command, *rest = arguments
    try:
        prepare()
        install(command)
    except subprocess.CalledProcessError as error:
        return f"Could not set up {VENV}: {error}"
    run = [str(PYTHON), *COMMANDS[command], *rest]
    return subprocess.run(run, cwd=ROOT).returncode


def prepare():
    """Make the virtual environment, anew if it is another Python's."""
    if f"version = {VERSION}" in configuration().splitlines():
        return
    say(f"Making a virtual environment for Python {VERSION}")
    try:
        venv.create(VENV, clear=True, with_pip=True)
    except subprocess.CalledProcessError:
        shutil.rmtree(VENV)
        say("Debian and Ubuntu keep what is missing in the package python3-venv.")
        raise


def configuration():
    try:
        return (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def install(command):
    """Install the dependency group of a command, unless that was done already."""
    requirements = (ROOT / "pyproject.toml").read_bytes()
    digest = hashlib.sha256(requirements).hexdigest()
    stamp = VENV / f"installed-{command}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    say(f"Installing what {command!r} needs")
    # Dependency groups came with pip 25.1.
    pip("install", "--upgrade", "pip>=25.1")
    # Nox makes environments of its own, and installs the package there.
    package = [] if command == "nox" else ["--editable", ".[postgres,sql]"]
    pip("install", *package, "--group", command)
    stamp.write_text(digest, encoding="utf-8")


def pip(*arguments):
    options = ["--quiet", "--disable-pip-version-check"]
    run = [str(PYTHON), "-m", "pip", *arguments, *options]
    subprocess.run(run, cwd=ROOT, check=True)


def say(message):
    print(message, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
