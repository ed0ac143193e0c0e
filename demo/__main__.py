"""``python -m demo``: a whole staged deployment of an example project."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from demo.console import say
from demo.contrast import deploy_at_once
from demo.databases import DATABASES
from demo.errors import DemoError
from demo.session import Session
from demo.staged import deploy
from demo.versions import REPOSITORY


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="syzygy-demo-"))
    try:
        run(options, folder)
    except DemoError as error:
        say(f"\nThe demo failed. {error}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130
    finally:
        leave(folder, options.keep)
    say(f"Done in {time.monotonic() - started:.0f} s.")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="Keep the folder and the scratch database (not a server started for it).",
    )
    parser.add_argument(
        "--contrast",
        action="store_true",
        help="Migrate everything at once, as without stages; the old version fails.",
    )
    return parser.parse_args()


def run(options: argparse.Namespace, folder: Path) -> None:
    with (
        DATABASES[options.database](folder, options.keep) as database,
        closing(Session(folder, database)) as session,
    ):
        say(f"A shop on {options.database}, in {folder}")
        (deploy_at_once if options.contrast else deploy)(session)


def leave(folder: Path, keep: bool) -> None:
    if keep:
        say(f"\nKept: {folder} (run its commands with PYTHONPATH={REPOSITORY}).")
    else:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
