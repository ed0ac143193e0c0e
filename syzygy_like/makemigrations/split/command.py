"""A run of ``makemigrations --split``."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.management.utils import run_formatters

from syzygy_like.executor.messages import ERRORS
from syzygy_like.makemigrations.split import file_messages, messages
from syzygy_like.makemigrations.split.files import Files, RestoreError
from syzygy_like.makemigrations.split.migration import MigrationToSplit, find, refuse
from syzygy_like.makemigrations.split.parts import MigrationFile, parts
from syzygy_like.makemigrations.split.refusals import refuse_split
from syzygy_like.makemigrations.split.rewriting import RewritingError
from syzygy_like.makemigrations.split.verification import (
    Outcome,
    forget,
    outcome,
    verify,
)
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import BrokenMigrationError

# Options that ask for something else, by their names.
EXCLUDED = {
    "merge": "--merge",
    "empty": "--empty",
    "update": "--update",
    "check_changes": "--check",
    "name": "--name",
    "no_split": "--no-split",
}


def split(
    command: BaseCommand, arguments: Sequence[str], options: dict[str, Any]
) -> None:
    """
    Write a migration as several, if that is what the user wants.

    Raises CommandError if it cannot be done, SystemExit if it is not wanted.
    """
    for option, flag in EXCLUDED.items():
        if options.get(option):
            raise CommandError(messages.excluded(flag), returncode=2)
    if len(arguments) != 2:
        raise CommandError(messages.usage(), returncode=2)
    try:
        Split(command, find(*arguments), options).run()
    except tuple(ERRORS) as error:
        raise CommandError(_said(error)) from error


class Split:
    """Asks, shows and writes, with the options of a command."""

    def __init__(
        self, command: BaseCommand, subject: MigrationToSplit, options: dict[str, Any]
    ):
        self.command = command
        self.subject = subject
        self.options = options
        self.style = command.style
        self.out = command.stdout
        if options["scriptable"]:
            self.out = command.stderr
            self.out.style_func = None

    def run(self) -> None:
        """Do it all."""
        for warning in refuse(self.subject):
            self._say(self.style.WARNING(warning))
        made = self._parts()
        self._show(made)
        if self.options["dry_run"]:
            self._list(made)
            return
        if self.options["interactive"] and not self._agreed():
            self._say(messages.CANCELLED)
            sys.exit(3)
        self._write(made)
        self._list(made)
        written = [str(part.path) for part in made]
        run_formatters(written, stderr=self.command.stderr)

    def _parts(self) -> list[MigrationFile]:
        migration = self.subject.migration
        explanation = self._explanation()
        refuse_split(self.subject, explanation)
        try:
            made = parts(self.subject, explanation, self.options["include_header"])
            self.files = Files({part.path: part.data for part in made})
            return made
        except RewritingError as error:
            text = file_messages.unreadable(migration, error)
            raise CommandError(text) from error
        except (OSError, UnicodeError, SyntaxError) as error:
            raise CommandError(file_messages.not_written(migration, error)) from error

    def _explanation(self) -> Explanation:
        try:
            before = self.subject.before()
            return self.subject.history.explain(before, self.subject.migration)
        except tuple(ERRORS):
            raise
        except Exception as error:  # whatever a project's own operations raise
            raise BrokenMigrationError(self.subject.key, error) from error

    def _say(self, text: str, ending: str | None = None) -> None:
        if self.options["verbosity"]:
            self.out.write(text, ending=ending)

    def _path(self, part: MigrationFile) -> str:
        path: str = self.command.get_relative_path(  # type: ignore[attr-defined]
            str(part.path)
        )
        return path

    def _show(self, made: Sequence[MigrationFile]) -> None:
        heading = messages.heading(self.subject.migration, len(made))
        self._say(self.style.MIGRATE_HEADING(heading))
        for part in made:
            self._say(f"  {self.style.MIGRATE_LABEL(self._path(part))}", ending=" ")
            self._say(f"({part.stage.label})")
            for operation in part.operations:
                self._say(f"    {operation.formatted_description()}")
        self._say("")
        for part in made:
            for line in _diff(part, self._path(part)):
                self._say(self._coloured(line))
            self._say("")
        if note := messages.deploys([part.stage for part in made]):
            self._say(self.style.WARNING(note))

    def _coloured(self, line: str) -> str:
        if line.startswith(("---", "+++")):
            return self.style.MIGRATE_LABEL(line)
        if line.startswith("@@"):
            return self.style.MIGRATE_HEADING(line)
        if line.startswith("-"):
            return self.style.ERROR(line)
        return self.style.SUCCESS(line) if line.startswith("+") else line

    def _agreed(self) -> bool:
        self.out.write(messages.QUESTION, ending=" ")
        self.out.flush()
        try:
            return input().strip().lower() in ("y", "yes")
        except (EOFError, KeyboardInterrupt):
            return False

    def _write(self, made: Sequence[MigrationFile]) -> None:
        migration = self.subject.migration
        expected = outcome(self.subject)
        names = [part.name for part in made]
        try:
            self.files.write()
            self._verify(names, expected)
        except RestoreError as error:
            raise CommandError(
                file_messages.not_restored(migration, error.paths)
            ) from error
        except OSError as error:
            raise CommandError(file_messages.not_written(migration, error)) from error

    def _verify(self, names: Sequence[str], expected: Outcome) -> None:
        """Raise CommandError, with all files as they were, if they are not right."""
        try:
            verify(self.subject, names, expected)
        except BaseException as error:
            forget(self.subject, names)
            self.files.restore()
            if not isinstance(error, Exception):
                raise
            text = file_messages.not_verified(self.subject.migration, _said(error))
            raise CommandError(text) from error

    def _list(self, made: Sequence[MigrationFile]) -> None:
        if self.options["scriptable"] and self.options["verbosity"]:
            for part in made:
                self.command.stdout.write(self._path(part))
        elif not self.options["dry_run"]:
            self._say(file_messages.written(len(made)))


def _diff(part: MigrationFile, path: str) -> Iterator[str]:
    """Yield the lines of what becomes of a file."""
    before = "/dev/null" if part.old is None else path
    old, new = _lines(part.old or ""), _lines(part.new)
    return difflib.unified_diff(old, new, before, path, lineterm="")


def _lines(text: str) -> list[str]:
    lines = re.split(r"\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def _said(error: Exception) -> str:
    """Put an error into words."""
    for kind, say in ERRORS.items():
        if isinstance(error, kind):
            return say(error)
    if isinstance(error, CommandError):
        return str(error)
    return file_messages.unexpected(error)
