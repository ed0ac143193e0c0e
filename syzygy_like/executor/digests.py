"""Digests that identify a migration, or what it does, in every process."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.writer import OperationWriter

from syzygy_like.schema import Schema, Table


class Noted(Protocol):
    """What identifies a migration: its file, and some of its operations."""

    @property
    def file(self) -> str: ...

    @property
    def digest(self) -> str: ...


def digest(operations: Iterable[Operation]) -> str:
    """Return a digest of operations."""
    texts = []
    for operation in operations:
        try:
            text = OperationWriter(operation, indentation=0).serialize()[0]
        except Exception:  # it has what Django cannot write, such as a lambda
            text = operation.describe()
        texts.append(text)
    return _of("\n".join(texts).encode())


def file_digest(migration: Migration) -> str:
    """
    Return a digest of the file of a migration, "" if it has none.

    A file may compute what it says, such as a default of now: its operations are others
    in each process, its text is the same.
    """
    module = sys.modules.get(type(migration).__module__)
    path = getattr(module, "__file__", None)
    try:
        return _of(Path(path).read_bytes()) if path else ""
    except OSError:
        return ""


def is_same(
    noted: Noted, migration: Migration, operations: Iterable[Operation]
) -> bool:
    """Tell whether operations of a migration are those that a note was made of."""
    if noted.file and noted.file == file_digest(migration):
        return True
    return noted.digest == digest(operations)


def effect(before: Schema, after: Schema) -> str:
    """Return a digest of a change of a schema, "" if nothing changes."""
    lines = [
        line
        for name in sorted(before.differing(after))
        for line in _described(name, after.tables.get(name))
    ]
    return _of("\n".join(lines).encode()) if lines else ""


def _described(name: str, table: Table | None) -> Iterator[str]:
    """Yield lines about a table; the value of a default may differ by process."""
    yield f"table {name} {table is None or table.external}"
    if table is None:
        return
    for column in sorted(table.columns.values(), key=lambda each: each.name):
        kept = (column.type, column.null, column.default is None, column.reference)
        yield f"column {column.name} {kept!r}"
    yield from sorted(
        f"{each.kind} {sorted(each.columns)}" for each in table.constraints
    )


def _of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
