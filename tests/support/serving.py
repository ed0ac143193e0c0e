"""
The process that is one version of the code.

It installs the apps of a folder and answers requests: each is a turn of work on a
database, and the reply says what failed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import traceback
from multiprocessing.connection import Connection

import django

from tests.support.deployment_work import Server

# All processes are forked from one that has these modules.
PRELOADED = (
    "tests.support.databases",
    "django.core.checks",
    "django.urls",
    "django.views.debug",
    "django.db.backends.sqlite3.base",
    "django.db.backends.postgresql.base",
)
for name in PRELOADED:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)


def serve(
    connection: Connection, folder: str, apps: list[str], environ: dict[str, str]
) -> None:
    """Answer requests until there are no more."""
    try:
        setup(folder, apps, environ)
        server: Server | None = None
        connection.send({"failures": []})
        while request := connection.recv():
            server = server or Server(request["alias"])
            connection.send(server.answer(request))
    except (EOFError, ConnectionError):
        pass
    except Exception:
        connection.send({"failures": [traceback.format_exc()]})


def setup(folder: str, apps: list[str], environ: dict[str, str]) -> None:
    """Set Django up with the apps of a folder."""
    gc.disable()  # the process is gone before it needs much memory
    os.environ.update(environ)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    from django.conf import settings

    settings.INSTALLED_APPS = apps
    django.setup()
