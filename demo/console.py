"""What the demo prints."""

import difflib
import sys
import textwrap
from collections.abc import Iterable, Sequence


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def heading(number: int, title: str) -> None:
    say(f"\n{number}. {title}\n")


def block(text: str) -> None:
    """Print an output, indented."""
    say(textwrap.indent(text.rstrip(), "      "))


def changes(old: str, new: str) -> None:
    """Print the lines of ``new`` that ``old`` has not, and the reverse."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1)
    block("\n".join(line for line in lines if not line.startswith(("---", "+++"))))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (
            cell.rjust(width) if cell.isdigit() else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        say("   " + "   ".join(padded).rstrip())
