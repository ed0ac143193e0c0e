import json
import signal
import time
from pathlib import Path

from django.core.management.base import BaseCommand
from django.db import Error, connection

from shop.version import VersionVisitor


class Command(BaseCommand):
    help = "Serve visitors until a stop file appears or SIGTERM comes."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--name", required=True, help="Prefix of its rows.")
        parser.add_argument("--folder", type=Path, required=True)
        parser.add_argument("--seconds", type=float, default=300, help="At most.")

    def handle(self, *, name, folder, seconds, **options):
        signal.signal(signal.SIGTERM, self.stop)
        self.stopped = False
        self.deadline = time.monotonic() + seconds
        self.stop_file = folder / f"{name}.stop"
        self.counts = dict.fromkeys(("operations", "queries", "failures"), 0)
        self.counts |= {"rows_of_others": 0, "slowest_ms": 0, "first_error": ""}
        log = folder / f"{name}.log"
        with log.open("w") as stream, connection.execute_wrapper(self.count_query):
            self.serve(VersionVisitor(name), stream)
        (folder / f"{name}.json").write_text(json.dumps(self.counts))

    def serve(self, visitor, stream):
        next_line = time.monotonic()
        while self.is_open():
            for action in visitor.actions:
                self.run(getattr(visitor, action))
                time.sleep(0.005)
            self.counts["rows_of_others"] = visitor.rows_of_others
            if time.monotonic() >= next_line:
                stream.write(json.dumps(self.counts) + "\n")
                stream.flush()
                next_line += 1

    def run(self, action):
        started = time.monotonic()
        try:
            action()
        except Error as error:
            self.counts["failures"] += 1
            self.counts["first_error"] = self.counts["first_error"] or (
                f"{action.__name__}: {type(error).__name__}: {error}"
            )
            connection.close_if_unusable_or_obsolete()
        duration = round(1000 * (time.monotonic() - started))
        self.counts["operations"] += 1
        self.counts["slowest_ms"] = max(self.counts["slowest_ms"], duration)

    def count_query(self, execute, *args):
        self.counts["queries"] += 1
        return execute(*args)

    def is_open(self):
        late = time.monotonic() > self.deadline
        return not (self.stopped or late or self.stop_file.exists())

    def stop(self, signum, frame):
        self.stopped = True
