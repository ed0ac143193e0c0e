"""A rehearsal as a command: from its options to its report and exit code."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, Error, connections

from syzygy_like.planning.history import BrokenMigrationError, UnloadableError
from syzygy_like.planning.messages import checks, errors
from syzygy_like.rehearsal.formats import render
from syzygy_like.rehearsal.messages import progress, starting_point
from syzygy_like.rehearsal.migrate_runs import LostConnectionError
from syzygy_like.rehearsal.rehearsal import Rehearsal
from syzygy_like.rehearsal.report import Report
from syzygy_like.rehearsal.starting_point.applying import StartFailedError
from syzygy_like.rehearsal.starting_point.start import (
    Start,
    from_database,
    from_git,
    from_names,
)
from syzygy_like.safeguards.connections import connect

INTERRUPTED = 130  # as the shell has it for Ctrl-C

MESSAGES: dict[type[BaseException], Callable[..., str]] = {
    **starting_point.MESSAGES,
    StartFailedError: lambda error: starting_point.start_failed(error.key, error.error),
    UnloadableError: checks.unloadable,
    BrokenMigrationError: lambda error: errors.broken(error.key, error.error),
    LostConnectionError: lambda error: progress.lost(error.alias, error.text),
    Error: errors.refused,
}


class Ticker:
    """Shows on a terminal which model is at work, on a line that it clears again."""

    def __init__(self, out: OutputWrapper):
        self.out = out
        self.width = 0

    def __call__(self, label: str) -> None:
        text = f"  {label}"[: shutil.get_terminal_size().columns - 1]
        blank = " " * max(self.width - len(text), 0)
        self.out.write(f"{text}{blank}\r", str, ending="")
        self.out.flush()
        self.width = len(text)

    def clear(self) -> None:
        """Leave nothing behind."""
        self.out.write(f"{' ' * self.width}\r", str, ending="")
        self.width = 0


class RehearsalCommand:
    """
    Runs a rehearsal for a command, which has the options.

    ``ours`` is the class of migrate that the project's own has to be one of.
    """

    def __init__(
        self,
        command: BaseCommand,
        options: Mapping[str, Any],
        ours: type[BaseCommand],
    ):
        self.command = command
        self.ours = ours
        self.options = options
        named = options["database"] or [DEFAULT_DB_ALIAS]
        # With call_command it may be one, as for other commands.
        self.aliases: list[str] = [named] if isinstance(named, str) else list(named)
        shows = options["verbosity"] >= 1 and command.stderr.isatty()
        self.ticker = Ticker(command.stderr) if shows else None

    def run(self) -> None:
        """
        Rehearse, and print the report.

        Raises CommandError (with exit code 2) if there can be no rehearsal, SystemExit
        if something fails in it.
        """
        self._check_options()
        try:
            report = self._rehearse()
        except KeyboardInterrupt:
            raise CommandError(progress.INTERRUPTED, returncode=INTERRUPTED) from None
        except tuple(MESSAGES) as error:
            text = errors.message_of(error, MESSAGES)
            raise CommandError(text, returncode=2) from error
        except CommandError as error:
            error.returncode = 2
            raise
        finally:
            if self.ticker:
                self.ticker.clear()
        self._print(report)
        if report.exit_code:
            sys.exit(report.exit_code)

    def _check_options(self) -> None:
        rows = self.options["rows"]
        if not isinstance(rows, int) or rows < 0:
            raise CommandError(progress.NO_ROWS, returncode=2)
        for alias in self.aliases:
            if alias not in connections:
                raise CommandError(progress.no_such_database(alias), returncode=2)
        output = self.options["output"]
        if output is not None:
            folder = Path(output).absolute().parent
            if not output or Path(output).is_dir() or not os.access(folder, os.W_OK):
                text = progress.not_writable(output)
                raise CommandError(text, returncode=2)

    def _rehearse(self) -> Report:
        starts = {alias: self._start(alias) for alias in self.aliases}
        first = starts[self.aliases[0]]
        report = Report(starting_point.start(first))
        for each in starts.values():
            report.notes += [
                note for note in starting_point.notes(each) if note not in report.notes
            ]
        names = ("bridge", "skip_blocked")
        rehearsal = Rehearsal(
            starts,
            self._migrate(),
            report,
            rows=self.options["rows"],
            everything=self.options["all_models"],
            contrast=self.options["contrast"],
            tell=self._tell,
            progress=self.ticker,
            options={k: self.options[k] for k in names if self.options[k] is not None},
        )
        # What migrations print is no part of the report.
        with contextlib.redirect_stdout(sys.stderr):
            rehearsal.run()
        return report

    def _start(self, alias: str) -> Start:
        if self.options["names"]:
            return from_names(self.options["names"])
        if self.options["revision"] is not None:
            return from_git(self.options["revision"])
        connect(alias)
        return from_database(alias)

    def _migrate(self) -> type[BaseCommand]:
        """Return the class of the project's migrate, which has to be one of ours."""
        app = get_commands()["migrate"]
        command = (
            app if isinstance(app, BaseCommand) else load_command_class(app, "migrate")
        )
        if not isinstance(command, self.ours):
            raise CommandError(progress.other_migrate(type(command).__module__))
        return type(command)

    def _tell(self, text: str) -> None:
        if self.ticker:
            self.ticker.clear()
        if self.options["verbosity"] >= 1:
            self.command.stderr.write(f"{text}...", lambda text: text)
            self.command.stderr.flush()

    def _print(self, report: Report) -> None:
        output = self.options["output"]
        style = no_style() if output else self.command.style
        text = render(report, self.options["format"], style)
        if not output:
            self._write(text)
            return
        try:
            Path(output).write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(
                progress.unwritten(output, error), returncode=2
            ) from error

    def _write(self, text: str) -> None:
        """Write to stdout, whether or not anybody reads it to the end."""
        try:
            self.command.stdout.write(text)
            self.command.stdout.flush()
        except BrokenPipeError:
            # Python would flush it once more as it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            text = progress.unwritten("stdout", error)
            raise CommandError(text, returncode=2) from error
