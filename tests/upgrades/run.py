"""``python -m tests.upgrades.run NAME``: one upgrade, in its own environment."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.upgrades.catalogue import ENVIRONMENT_KEY, UPGRADES

FALLBACKS = ("PRE_DEPLOY", "POST_DEPLOY", "none")


def main() -> int:
    options = parse()
    os.environ[ENVIRONMENT_KEY] = options.upgrade
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.upgrades.settings"
    os.environ.setdefault("DATA_DIR", str(options.archive.parent))

    import django

    django.setup()
    from django.core.management.base import CommandError

    configure(options)
    limit(options.minutes)
    try:
        rehearse(options)
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return error.returncode
    return 0


def configure(options: argparse.Namespace) -> None:
    """Put the options that are about stages in the settings."""
    from django.conf import settings

    from syzygy_like import Stage

    if options.fallback:
        stage = None if options.fallback == "none" else Stage[options.fallback]
        settings.MIGRATION_THIRD_PARTY_STAGES_FALLBACK = stage
    overrides = dict.fromkeys(options.override, Stage.PRE_DEPLOY)
    settings.MIGRATION_STAGES_OVERRIDE = overrides


def rehearse(options: argparse.Namespace) -> None:
    """Rehearse the upgrade of a database that has the old release's migrations."""
    from django.core.management import call_command
    from django.db import DEFAULT_DB_ALIAS, connection

    from syzygy_like.rehearsal.messages.progress import WINDOW
    from syzygy_like.rehearsal.scratch.scratch import Scratch
    from syzygy_like.rehearsal.starting_point.applying import pending
    from tests.upgrades.history import record

    began = time.monotonic()
    with Scratch([DEFAULT_DB_ALIAS]):
        record(connection, UPGRADES[options.upgrade], options.archive)
        count = len(pending(DEFAULT_DB_ALIAS))
        with contextlib.suppress(SystemExit):  # with a code that is in the report
            call_command(
                "rehearse",
                contrast=True,
                rows=options.rows,
                all_models=options.all_models,
                skip_blocked=options.skip_blocked,
                format="json",
                output=str(options.json),
            )
    report = json.loads(options.json.read_text(encoding="utf-8"))
    result = {
        "upgrade": options.upgrade,
        "pending": count,
        "ready": any(each["text"] == WINDOW for each in report["steps"]),
        "seconds": round(time.monotonic() - began),
        **report,
    }
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


class OverdueError(BaseException):
    """Takes as long as it may; no code is to take it for an error of its own."""


def limit(minutes: float) -> None:
    """Stop in time, by an exception: so that the databases are dropped."""

    def stop(*_: object) -> None:
        raise OverdueError(f"stopped, after {minutes:g} minutes")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(int(minutes * 60))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrades.run")
    parser.add_argument("upgrade")
    parser.add_argument("archive", type=Path, help="the old release's file")
    parser.add_argument("json", type=Path, help="the file to write the result to")
    add_options(parser)
    return parser.parse_args()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options which this has in common with ``python -m tests.upgrades``."""
    parser.add_argument(
        "--rows", type=int, default=10, help="as for rehearse; %(default)s by default"
    )
    parser.add_argument("--all-models", action="store_true", help="as for rehearse")
    parser.add_argument("--skip-blocked", action="store_true", help="as for rehearse")
    parser.add_argument(
        "--minutes", type=float, default=15, help="the limit for each upgrade"
    )
    parser.add_argument(
        "--fallback",
        choices=FALLBACKS,
        help="the stage of third-party migrations that fit none",
    )
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="APP.NAME",
        help="say that a migration can run before the deploy; any number of them",
    )


if __name__ == "__main__":
    sys.exit(main())
