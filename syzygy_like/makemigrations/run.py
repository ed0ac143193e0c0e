"""A run of makemigrations that splits what has to be split."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations import Migration

from syzygy_like import seam
from syzygy_like.expand_contract.bridge import NoBridgeError
from syzygy_like.expand_contract.change import Changes, ModelChange, ordered
from syzygy_like.expand_contract.renames import Rename
from syzygy_like.makemigrations import messages, messages_renames
from syzygy_like.makemigrations.autodetector import Choice, bridging
from syzygy_like.makemigrations.writer import StagedWriter
from syzygy_like.planning import backends
from syzygy_like.planning.database import AnyDatabase
from syzygy_like.planning.history import Key, on_disk
from syzygy_like.planning.resolver import declared_stage, infer
from syzygy_like.schema import Presence
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.stages import Stage

ATTEMPTS = 3
# As Django exits where somebody prefers to change models.py first.
QUIT = 3


class Authoring:
    """Answers what the autodetector asks, by asking whoever runs the command."""

    def __init__(self, command: Any, options: dict[str, Any]):
        self.command = command
        self.interactive = options["interactive"]
        self.asks = options["interactive"] and not (
            options["dry_run"] or options["check_changes"]
        )
        self.presence: Presence = AnyDatabase(DEFAULT_DB_ALIAS).has

    @property
    def database_defaults(self) -> DatabaseDefaults:
        """What the databases can fill in."""
        return backends.database_defaults(backends.basis())

    @contextlib.contextmanager
    def splitting(self) -> Iterator[None]:
        """Let the command split changes, and write what that takes."""
        command = self.command
        command.autodetector = bridging(command.autodetector, self)
        try:
            with seam.writer(StagedWriter):
                yield
        finally:
            del command.autodetector

    def choose(self, rename: Rename) -> Choice:
        """Return what becomes of a rename; exit where models.py comes first."""
        choice = self._choice(rename)
        if choice is None:
            raise CommandError(messages_renames.keep(rename), returncode=QUIT)
        if choice is Choice.RENAME:
            self.command.log(
                self.command.style.WARNING(messages_renames.renamed_anyway(rename))
            )
        return choice

    def _choice(self, rename: Rename) -> Choice | None:
        """Return a choice, None to keep the name in the database."""
        choices = [None, Choice.COPY, Choice.RENAME]
        if not rename.copies:
            choices.remove(Choice.COPY)
        if not self.interactive:
            return Choice.COPY if rename.copies else None
        self.command.log(messages_renames.question(rename))
        for number, text in enumerate(messages_renames.choices(rename), start=1):
            self.command.log(f" {number}) {text}")
        for _ in range(ATTEMPTS):
            answer = self._ask("Select an option [1]: ") or "1"
            if answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1]
        return None

    def give_up(self, error: NoBridgeError, model_change: ModelChange) -> None:
        """Return if the change is to be made without a bridge, exit if not."""
        if not self.asks:
            raise CommandError(messages.refused(error, model_change), returncode=QUIT)
        text = messages.no_bridge(error, model_change)
        self.command.log(self.command.style.WARNING(text))
        question = "Make it in one migration all the same? Queries will fail. [y/N] "
        if not self._ask(question).lower().startswith("y"):
            sys.exit(QUIT)

    def separate(self, app_label: str, other: str) -> None:
        """Exit, for two apps have to be asked about one after the other."""
        raise CommandError(messages_renames.separate(app_label, other), returncode=QUIT)

    def warn(self, field: str) -> None:
        """Say that a unique field gets one value in all rows."""
        self._warn(messages.repeated(field))

    def _warn(self, text: str) -> None:
        if self.command.verbosity:
            self.command.log(self.command.style.WARNING(text))

    def _ask(self, question: str) -> str:
        """Return an answer, an empty one where there is nobody to give it."""
        self.command.log_output.write(question, ending="")
        try:
            return input().strip()
        except EOFError:
            return ""
        except KeyboardInterrupt:
            self.command.log_output.write("\nCancelled.")
            sys.exit(1)


def stages(changes: Changes, replaced: Collection[Key] = ()) -> dict[Migration, Stage]:
    """Return the stages of migrations that are to be written, some for other ones."""
    history = on_disk()
    tracker = history.at([key for key in history.plan if key not in replaced])
    found = {}
    for migration in ordered(changes):
        tracker.settle()
        schemas = tracker.schemas
        declared = declared_stage(migration)
        step = history.read(tracker, migration)
        found[migration] = declared or infer(step, schemas).stage
    return found
