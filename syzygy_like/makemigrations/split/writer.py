"""The text of the files into which a migration is split."""

from __future__ import annotations

import inspect
import io
import itertools
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.core.management.base import CommandError
from django.db.migrations import Migration
from django.db.migrations.migration import SwappableTuple
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.expand_contract.data_functions import sources
from syzygy_like.makemigrations.split import messages
from syzygy_like.makemigrations.split.edits import Change, Entry, commented, rewritten
from syzygy_like.makemigrations.split.migration import MigrationToSplit
from syzygy_like.makemigrations.split.refusals import opaque_operations
from syzygy_like.makemigrations.split.source import Source
from syzygy_like.makemigrations.writer import StagedWriter
from syzygy_like.planning.explanation import Explanation
from syzygy_like.planning.history import as_written
from syzygy_like.stages import Stage

# The import of something that is defined in a migration's file.
_OF_A_MIGRATION = re.compile(r"import .*\.[0-9]\S*")
Group = tuple[Stage, tuple[Operation, ...]]


class FileWriter:
    """Writes the files; the comments of each operation go with it."""

    def __init__(self, target: MigrationToSplit, explanation: Explanation):
        self.target = target
        self.migration = target.migration
        self.operations = self.migration.operations
        data = target.path.read_bytes()
        self.encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        self.source = Source(data.decode(self.encoding))
        self.indexes = {id(each): n for n, each in enumerate(self.operations)}
        self.comments = self._comments(explanation)

    def _comments(self, explanation: Explanation) -> dict[int, list[str]]:
        """Return comments by the id() of the operation that they go with."""
        literal = self.source.literal("operations", len(self.operations))
        items = literal.items if literal else ()
        written = [each for _, group in explanation.split for each in group]
        comments: dict[int, list[str]] = defaultdict(list)
        for operation, item in zip(self.operations, items, strict=True):
            goes_with = min(written, key=lambda each: _distance(each, operation))
            comments[id(goes_with)].extend(item.comments)
        return comments

    def kept(self, explanation: Explanation) -> list[Group]:
        """
        Return the parts, moving as few operations as possible.

        If the last operation of a part is opaque and cannot leave its file, it becomes
        the first one of the next part; the order stays the same.
        """
        free = {id(each.operation) for each in opaque_operations(explanation)}
        groups = [(stage, list(operations)) for stage, operations in explanation.split]
        for (_, group), (_, following) in itertools.pairwise(groups):
            while (
                len(group) > 1 and id(group[-1]) in free and self._is_bound(group[-1])
            ):
                following.insert(0, group.pop())
        return [(stage, tuple(group)) for stage, group in groups]

    def _is_bound(self, operation: Operation) -> bool:
        """Return whether an operation cannot be written to another file."""
        try:
            self._code(operation, is_moved=True)
        except CommandError:
            return True
        return False

    def new(
        self,
        name: str,
        operations: Sequence[Operation],
        own: Iterable[tuple[str, str]],
        include_header: bool,
    ) -> str:
        """Return the text of a new file. Raises CommandError if impossible."""
        for operation in operations:
            self._code(operation, is_moved=True)
        attributes: dict[str, object] = {
            "initial": self.migration.initial,
            "atomic": self.migration.atomic,
            "dependencies": list(own) or self._dependencies(),
            "operations": list(operations),
        }
        part = type("Migration", (Migration,), attributes)
        made = part(name, self.migration.app_label)
        source = Source(_text(made, include_header))
        comments = {n: self.comments[id(each)] for n, each in enumerate(operations)}
        text = commented(source, "operations", len(operations), comments)
        return text.replace("\n", self.source.newline)

    def _dependencies(self) -> list[tuple[str, str]]:
        """Return the dependencies of the first new part, as Django writes them."""
        there = [as_written(each) for each in self.migration.dependencies]
        return list(dict.fromkeys([*there, *self.target.predecessors()]))

    def original(
        self, operations: Sequence[Operation], own: Sequence[tuple[str, str]]
    ) -> str:
        """Return the new text of the original file, which may depend on new files."""
        codes, imports = self._entries(operations)
        changes = [Change("operations", len(self.operations), codes)]
        if own:
            there = self.migration.dependencies
            entries: list[Entry] = [f'("{app}", "{name}")' for app, name in own]
            entries += [
                index
                for index, each in enumerate(there)
                if each[0] != own[0][0] or isinstance(each, SwappableTuple)
            ]
            changes.append(Change("dependencies", len(there), entries))
        module = f"{self.target.module}."
        functions = [each.replace(module, "") for each in sources(operations)]
        return rewritten(self.source, changes, imports, functions)

    def _entries(self, operations: Sequence[Operation]) -> tuple[list[Entry], set[str]]:
        """Return the operations of the original file, and what they import."""
        entries: list[Entry] = []
        imports: set[str] = set()
        for operation in operations:
            if id(operation) in self.indexes:
                entries.append(self.indexes[id(operation)])
                continue
            code, needed = self._code(operation, is_moved=False)
            entries.append("\n".join([*self.comments[id(operation)], code]))
            imports |= {*needed, "from django.db import migrations"}
        return entries, imports

    def _code(self, operation: Operation, is_moved: bool) -> tuple[str, set[str]]:
        """
        Return the code of an operation, and its imports.

        Raises CommandError if it cannot be written, or cannot import what it needs.
        """
        number = self.indexes.get(id(operation), -1) + 1
        try:
            text, imports = OperationWriter(operation, indentation=0).serialize()
        except Exception as error:  # a lambda, or an error in a deconstruct()
            message = messages.unwritable(self.migration, number, operation, error)
            raise CommandError(message) from error
        local = f"import {self.target.module}"
        if not is_moved and local in imports:
            text = text.replace(f"{self.target.module}.", "")
            imports = imports - {local}
        if any(_OF_A_MIGRATION.fullmatch(each) or each == local for each in imports):
            raise CommandError(messages.local(self.migration, number, operation))
        if is_moved and "stage" in vars(operation) and not _writes_stage(operation):
            raise CommandError(messages.staged(self.migration, number, operation))
        return text.removesuffix(","), imports


def _text(migration: Migration, include_header: bool) -> str:
    text = StagedWriter(migration, include_header).as_string()
    if migration.atomic or "\n    atomic = False\n" in text:
        return text
    head = "class Migration(migrations.Migration):\n"  # Django 5.2 leaves it out
    return text.replace(head, f"{head}\n    atomic = False\n", 1)


def _writes_stage(operation: Operation) -> bool:
    """Return whether an operation is written with its stage, as an argument."""
    return "stage" in inspect.signature(type(operation)).parameters


def _distance(operation: Operation, other: Operation) -> int:
    """Return 0 for the same operation, 1 for the same target, 2 otherwise."""
    if operation is other:
        return 0
    return 1 if _target(operation) == _target(other) else 2


def _target(operation: Operation) -> tuple[str, str]:
    names = (getattr(operation, each, None) for each in ("model_name", "name"))
    first, second = (str(name).lower() for name in names)
    return first, second
