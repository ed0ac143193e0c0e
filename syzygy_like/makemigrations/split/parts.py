"""The parts of a migration, and their files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from django.core.management.base import CommandError
from django.db.migrations.operations.base import Operation

from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.migration import MigrationToSplit
from syzygy_like.makemigrations.split.writer import FileWriter
from syzygy_like.planning.explanation import Explanation
from syzygy_like.stages import Stage


@dataclasses.dataclass(frozen=True)
class MigrationFile:
    """One of the migrations, and its file's text. ``old`` is None for a new file."""

    name: str
    stage: Stage
    operations: tuple[Operation, ...]
    path: Path
    old: str | None
    new: str
    encoding: str

    @property
    def data(self) -> bytes:
        """The bytes of the file. Raises UnicodeError if it cannot be encoded."""
        return self.new.encode(self.encoding)


def parts(
    target: MigrationToSplit, explanation: Explanation, include_header: bool = True
) -> list[MigrationFile]:
    """
    Return the migrations to write; the last one has the original file.

    Raises CommandError or RewritingError if they cannot be written.
    """
    writer = FileWriter(target, explanation)
    split = writer.kept(explanation)
    names = _names(target, [stage for stage, _ in split])
    made = []
    own: list[tuple[str, str]] = []
    for name, (stage, operations) in zip(names, split, strict=True):
        path = target.path.with_name(f"{name}.py")
        if name == names[-1]:
            old, encoding = writer.source.text, writer.encoding
            new = writer.original(operations, own)
        else:
            old, encoding = None, "utf-8"
            new = writer.new(name, operations, own, include_header)
        made.append(MigrationFile(name, stage, operations, path, old, new, encoding))
        own = [(target.key[0], name)]
    return made


def _names(target: MigrationToSplit, stages: Sequence[Stage]) -> list[str]:
    """Return the names. Raises CommandError if one is already taken."""
    app_label, name = target.key
    if len(stages) == 2 and Stage.PRE_DEPLOY in stages[0]:
        new = [_named(name, "expand", "part_1")]
    else:
        numbers = range(1, len(stages))
        new = [_named(name, f"part_{each}", f"step_{each}") for each in numbers]
    for each in new:
        path = target.path.with_name(f"{each}.py")
        known = (app_label, each) in target.history.loader.disk_migrations
        if known or path.exists() or path.with_suffix("").exists():
            raise CommandError(messages.name_taken(target.migration, each))
    return [*new, name]


def _named(name: str, *words: str) -> str:
    """
    Return the name of another migration, with a word after the number.

    It does not begin with the original name: Django accepts the beginning of a name, so
    ``migrate shop 0007_swap`` would match both.
    """
    match = re.match("[0-9]+_", name)
    number = match[0] if match else ""
    made = [f"{number}{word}_{name.removeprefix(number)}" for word in words]
    return next(each for each in made if not each.startswith(name))
