"""A run of makemigrations that splits changes where needed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator, Mapping

from django.core.management.base import CommandError
from django.core.management.commands import makemigrations
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations import Migration

from syzygy_like import seam
from syzygy_like.expand_contract.bridge import NoBridgeError
from syzygy_like.expand_contract.change import (
    Changes,
    ModelChange,
    sort_by_dependencies,
)
from syzygy_like.expand_contract.renames import Rename
from syzygy_like.makemigrations import messages
from syzygy_like.makemigrations.autodetector import Choice, bridging
from syzygy_like.makemigrations.writer import StagedWriter
from syzygy_like.planning.database import AnyDatabase, current_basis, defaults_of
from syzygy_like.planning.history import Key, on_disk
from syzygy_like.planning.resolver import declared_stage, infer
from syzygy_like.schema import HasTable
from syzygy_like.schema.database_defaults import DatabaseDefaults
from syzygy_like.stages import Stage

ATTEMPTS = 3
# Django's exit code where the user prefers to change models.py first.
QUIT = 3


class CommandQuestioner:
    """Answers the autodetector's questions by asking the user of a command."""

    def __init__(self, command: makemigrations.Command, options: Mapping[str, object]):
        self.command = command
        self.interactive = bool(options["interactive"])
        only_looks = options["dry_run"] or options["check_changes"]
        self.asks = self.interactive and not only_looks
        self.has_table: HasTable = AnyDatabase(DEFAULT_DB_ALIAS).has

    @property
    def database_defaults(self) -> DatabaseDefaults:
        """What the databases can fill in."""
        return defaults_of(current_basis())

    @contextlib.contextmanager
    def splitting(self) -> Iterator[None]:
        """Let the command split changes, and write their stages and functions."""
        command = self.command
        detector = bridging(command.autodetector, self)
        command.autodetector = detector  # type: ignore[misc]
        try:
            with seam.writer(StagedWriter):
                yield
        finally:
            del command.autodetector

    def choose(self, rename: Rename) -> Choice:
        """Return what to do about a rename, or exit to have models.py changed."""
        choice = self._choice(rename)
        if choice is None:
            raise CommandError(messages.keep(rename), returncode=QUIT)
        if choice is Choice.RENAME:
            self.command.log(
                self.command.style.WARNING(messages.renamed_anyway(rename))
            )
        return choice

    def _choice(self, rename: Rename) -> Choice | None:
        """Return a choice, None to keep the name in the database."""
        choices = [None, Choice.COPY, Choice.RENAME]
        if not rename.copies:
            choices.remove(Choice.COPY)
        if not self.interactive:
            return Choice.COPY if rename.copies else None
        self.command.log(messages.question(rename))
        for number, text in enumerate(messages.choices(rename), start=1):
            self.command.log(f" {number}) {text}")
        for _ in range(ATTEMPTS):
            answer = self._ask(messages.SELECT) or "1"
            if answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1]
        return None

    def give_up(self, error: NoBridgeError, model_change: ModelChange) -> None:
        """Return if the user wants the change without a bridge; exit otherwise."""
        if not self.asks:
            raise CommandError(messages.refused(error, model_change), returncode=QUIT)
        text = messages.no_bridge(error, model_change)
        self.command.log(self.command.style.WARNING(text))
        if not self._ask(messages.UNSAFE).lower().startswith("y"):
            sys.exit(QUIT)

    def separate(self, app_label: str, other: str) -> None:
        """Exit: the user has to run the command for one app after the other."""
        raise CommandError(messages.separate(app_label, other), returncode=QUIT)

    def warn(self, field: str) -> None:
        """Say that a unique field gets one value in all rows."""
        if self.command.verbosity:
            text = messages.repeated(field)
            self.command.log(self.command.style.WARNING(text))

    def _ask(self, question: str) -> str:
        """Return the user's answer, "" if nobody can answer."""
        self.command.log_output.write(question, ending="")
        try:
            return input().strip()
        except EOFError:
            return ""
        except KeyboardInterrupt:
            self.command.log_output.write(messages.CANCELLED)
            sys.exit(1)


def stages(changes: Changes, replaced: Collection[Key] = ()) -> dict[Migration, Stage]:
    """Return the stages of new migrations; ``replaced`` are those they update."""
    history = on_disk()
    tracker = history.at([key for key in history.plan if key not in replaced])
    found = {}
    for migration in sort_by_dependencies(changes):
        tracker.assume_applied()
        schemas = tracker.schemas
        declared = declared_stage(migration)
        step = history.read(tracker, migration)
        found[migration] = declared or infer(step, schemas).stage
    return found
