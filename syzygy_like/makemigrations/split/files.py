"""Files that are all written, or none of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

Contents = dict[Path, bytes]


@dataclasses.dataclass(eq=False)
class RestoreError(Exception):
    """The old contents of files cannot be restored."""

    paths: list[Path]


class Files:
    """
    Files and their new contents.

    ``write`` raises OSError if a file cannot be written; it then writes none.
    """

    def __init__(self, contents: Contents):
        # A link stays a link: the file that it leads to is written.
        self.contents = {path.resolve(): data for path, data in contents.items()}
        self.old: dict[Path, bytes | None] = {}

    def write(self) -> None:
        """Write all files."""
        try:
            for path in self.contents:
                self.old[path] = path.read_bytes() if path.exists() else None
            _replace(self.contents)
        except BaseException:
            self.restore()
            raise

    def restore(self) -> None:
        """
        Restore the old contents of the files that have changed.

        Raises RestoreError with the files that cannot be restored.
        """
        lost = [path for path, data in self.old.items() if not _restored(path, data)]
        if lost:
            raise RestoreError(lost)


def _restored(path: Path, data: bytes | None) -> bool:
    try:
        if data is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != data:
            _replace({path: data})
    except OSError:
        return False
    return True


def _replace(contents: Contents) -> None:
    """Write files beside those they replace, and then rename them."""
    with contextlib.ExitStack() as stack:
        ready = [
            (_temporary(path, data, stack, contents), path)
            for path, data in contents.items()
        ]
        for temporary, path in ready:
            temporary.replace(path)


def _temporary(
    path: Path, data: bytes, stack: contextlib.ExitStack, others: Iterable[Path]
) -> Path:
    """Write a file that is removed when the stack is left, unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=".split-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    stack.callback(temporary.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    model = next(each for each in (path, *others) if each.exists())
    shutil.copymode(model, temporary)
    return temporary
