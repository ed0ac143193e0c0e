"""The processes that are the versions of the code, as seen from the test."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from tests.support.databases import ENVIRONMENT_KEY
from tests.support.projects import Project
from tests.support.serving import serve

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.serving"])
PATIENCE = 60  # seconds for an answer


class Code:
    """A version of the code in a process of its own."""

    def __init__(self, project: Project):
        self.pipe, far = PROCESSES.Pipe()
        key = ENVIRONMENT_KEY
        environ = {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            key: os.environ.get(key, "{}"),
        }
        arguments = (far, str(project.folder), project.installed, environ)
        self.process = PROCESSES.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        far.close()
        self.is_ready = False

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the reply."""
        if not self.is_ready:
            self.is_ready = True
            if (reply := self._receive())["failures"]:
                return reply
        self.pipe.send(request)
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        if not self.pipe.poll(PATIENCE):
            return {"failures": [f"no answer in {PATIENCE} seconds"]}
        try:
            return self.pipe.recv()
        except EOFError:
            return {"failures": ["the process has died"]}

    def stop(self) -> None:
        self.pipe.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()
