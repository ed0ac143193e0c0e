"""
Run labels of Django's tests once, in Django's directory of tests.

    python -m tests.django_suite.run [--app syzygy_like] label...

With an app, that is the first one installed for all tests, as Django's own
always are, and its commands are in force even where a test overrides
INSTALLED_APPS.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from django.core import management


def enforce_commands(app: str) -> None:
    """Let an app's commands replace Django's, be the app installed or not."""
    folder = Path(find_spec(app).origin).parent / "management"
    names = management.find_commands(str(folder))
    stock = management.get_commands

    def get_commands():
        replaced = {name: app for name in names if stock().get(name) == "django.core"}
        return {**stock(), **replaced}

    # Tests that bring commands of their own clear the cache.
    get_commands.cache_clear = stock.cache_clear
    management.get_commands = get_commands


def main() -> bool:
    parser = argparse.ArgumentParser()
    parser.add_argument("--app")
    parser.add_argument("labels", nargs="+")
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_suite.settings"

    import runtests  # Django's; it is in the current directory.

    if arguments.app:
        runtests.ALWAYS_INSTALLED_APPS.insert(0, arguments.app)
        enforce_commands(arguments.app)
    with tempfile.TemporaryDirectory(prefix="django_") as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        failures = runtests.django_tests(
            verbosity=1,
            interactive=False,
            failfast=False,
            keepdb=False,
            reverse=False,
            test_labels=arguments.labels,
            debug_sql=False,
            parallel=1,
            tags=None,
            exclude_tags=None,
            test_name_patterns=None,
            start_at=None,
            start_after=None,
            pdb=False,
            buffer=False,
            timing=False,
            shuffle=False,
        )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
