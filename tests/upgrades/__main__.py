"""``python -m tests.upgrades [NAME...]``: make environments, and rehearse in them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.upgrades import report
from tests.upgrades.catalogue import UPGRADES
from tests.upgrades.environments import ROOT, Environment, Uninstallable
from tests.upgrades.run import add_options
from tests.upgrades.server import server


def main() -> int:
    options = parse()
    results = []
    with server() as variables:
        for name in options.upgrades or UPGRADES:
            say(f"{name} ...")
            results.append(take(name, options, {**os.environ, **variables}))
            say(report.table(results[-1:]))
    say("", report.table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0 if all(map(report.is_good, results)) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.upgrades", description=__doc__
    )
    parser.add_argument("upgrades", nargs="*", metavar="upgrade")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "upgrades",
        help="where the environments are, or are made",
    )
    add_options(parser)
    parser.add_argument("--json", type=Path, help="the file to write the results to")
    options = parser.parse_args()
    if unknown := set(options.upgrades) - set(UPGRADES):
        parser.error(f"no such upgrades: {', '.join(sorted(unknown))}")
    return options


def take(
    name: str, options: argparse.Namespace, environ: dict[str, str]
) -> dict[str, Any]:
    """Run one upgrade in its environment, and return what became of it."""
    environment = Environment(name, UPGRADES[name], options.folder.resolve())
    try:
        environment.prepare()
    except Uninstallable as error:
        return {"upgrade": name, "error": f"cannot be installed: {error}"}
    result = environment.folder / "result.json"
    result.unlink(missing_ok=True)
    log = environment.folder / "log.txt"  # with what it is at, meanwhile
    command = [str(environment.python), "-m", "tests.upgrades.run", name]
    command += [str(environment.old_release()), str(result), *passed_on(options)]
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**environ, "DATA_DIR": str(environment.data)},
            stdout=stream,
            stderr=stream,
        )
    if done.returncode:
        text = log.read_text(encoding="utf-8").strip()
        return {"upgrade": name, "error": text or "no output"}
    return json.loads(result.read_text(encoding="utf-8"))


def passed_on(options: argparse.Namespace) -> list[str]:
    """Return the options that are the runner's."""
    flags = ("all_models", "skip_blocked")
    given = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(options, flag)]
    given += ["--minutes", str(options.minutes), "--rows", str(options.rows)]
    for name in options.override:
        given += ["--override", name]
    return given + (["--fallback", options.fallback] if options.fallback else [])


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
