"""A run of ``makemigrations --split``."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from django.core.management.base import BaseCommand, CommandError
from django.core.management.utils import run_formatters

from syzygy_like.executor.messages import ERRORS, said
from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.files import Files, RestoreError
from syzygy_like.makemigrations.split.migration import MigrationToSplit, find
from syzygy_like.makemigrations.split.parts import MigrationFile, parts
from syzygy_like.makemigrations.split.refusals import refuse, refuse_split
from syzygy_like.makemigrations.split.source import RewritingError
from syzygy_like.makemigrations.split.verification import (
    Outcome,
    forget,
    outcome,
    verify,
)
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import BrokenMigrationError

# Options that exclude --split.
EXCLUDED = {
    "merge": "--merge",
    "empty": "--empty",
    "update": "--update",
    "check_changes": "--check",
    "name": "--name",
    "no_split": "--no-split",
}


def split(
    command: BaseCommand, arguments: Sequence[str], options: Mapping[str, object]
) -> None:
    """
    Split a migration, if the user agrees.

    Raises CommandError if that is not possible, SystemExit if the user declines.
    """
    for option, flag in EXCLUDED.items():
        if options.get(option):
            raise CommandError(messages.excluded(flag), returncode=2)
    if len(arguments) != 2:
        raise CommandError(messages.usage(), returncode=2)
    try:
        Split(command, find(*arguments), options).run()
    except tuple(ERRORS) as error:
        raise CommandError(_text_of(error)) from error


class Split:
    """Shows a split, asks and writes it, with the options of a command."""

    def __init__(
        self,
        command: BaseCommand,
        target: MigrationToSplit,
        options: Mapping[str, object],
    ):
        self.command = command
        self.target = target
        self.options = options
        self.style = command.style
        self.out = command.stdout
        if options["scriptable"]:
            self.out = command.stderr
            self.out.style_func = None

    def run(self) -> None:
        """Show the parts, ask, write the files and list them."""
        for warning in refuse(self.target):
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
        migration = self.target.migration
        explanation = self._explanation()
        refuse_split(self.target, explanation)
        try:
            made = parts(self.target, explanation, bool(self.options["include_header"]))
            self.files = Files({part.path: part.data for part in made})
            return made
        except RewritingError as error:
            text = messages.unreadable(migration, error)
            raise CommandError(text) from error
        except (OSError, UnicodeError, SyntaxError) as error:
            raise CommandError(messages.not_written(migration, error)) from error

    def _explanation(self) -> Explanation:
        try:
            before = self.target.before()
            return self.target.history.explain(before, self.target.migration)
        except tuple(ERRORS):
            raise
        except Exception as error:  # a project's own operations may raise anything
            raise BrokenMigrationError(self.target.key, error) from error

    def _say(self, text: str, ending: str | None = None) -> None:
        if self.options["verbosity"]:
            self.out.write(text, ending=ending)

    def _path(self, part: MigrationFile) -> str:
        path: str = self.command.get_relative_path(  # type: ignore[attr-defined]
            str(part.path)
        )
        return path

    def _show(self, made: Sequence[MigrationFile]) -> None:
        heading = messages.heading(self.target.migration, len(made))
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
        migration = self.target.migration
        expected = outcome(self.target)
        names = [part.name for part in made]
        try:
            self.files.write()
            self._verify(names, expected)
        except RestoreError as error:
            raise CommandError(messages.not_restored(migration, error.paths)) from error
        except OSError as error:
            raise CommandError(messages.not_written(migration, error)) from error

    def _verify(self, names: Sequence[str], expected: Outcome) -> None:
        """Raise CommandError, and restore all files, if they do not do the same."""
        try:
            verify(self.target, names, expected)
        except BaseException as error:
            forget(self.target, names)
            self.files.restore()
            if not isinstance(error, Exception):
                raise
            text = messages.not_verified(self.target.migration, _text_of(error))
            raise CommandError(text) from error

    def _list(self, made: Sequence[MigrationFile]) -> None:
        if self.options["scriptable"] and self.options["verbosity"]:
            for part in made:
                self.command.stdout.write(self._path(part))
        elif not self.options["dry_run"]:
            self._say(messages.written(len(made)))


def _diff(part: MigrationFile, path: str) -> Iterator[str]:
    """Yield the lines of a file's diff."""
    before = "/dev/null" if part.old is None else path
    old, new = _lines(part.old or ""), _lines(part.new)
    return difflib.unified_diff(old, new, before, path, lineterm="")


def _lines(text: str) -> list[str]:
    lines = re.split(r"\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def _text_of(error: Exception) -> str:
    """Return the text of an error."""
    if isinstance(error, tuple(ERRORS)):
        return said(error)
    if isinstance(error, CommandError):
        return str(error)
    return messages.unexpected(error)
