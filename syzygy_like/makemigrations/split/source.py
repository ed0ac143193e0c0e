"""The text of a migration file, and where its lists have their elements."""

from __future__ import annotations

import ast
import bisect
import dataclasses
import enum
import io
import re
import tokenize
from collections.abc import Iterator

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)")
_BLANK = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
}


class Fault(enum.Enum):
    """Why a file cannot be edited."""

    UNREADABLE = enum.auto()
    NO_CLASS = enum.auto()
    NO_LIST = enum.auto()
    OTHER_LENGTH = enum.auto()
    USED_ELSEWHERE = enum.auto()
    NAME_TAKEN = enum.auto()


@dataclasses.dataclass(eq=False)
class RewritingError(Exception):
    """A file cannot be edited; ``name`` is the name concerned, ``line`` its line."""

    fault: Fault
    name: str = ""
    line: int = 0


@dataclasses.dataclass(frozen=True)
class Item:
    """
    An element of a list, with the blank space and the comments around it.

    ``code`` goes up to its comma, ``after`` from there to the end of the line. It
    is ``alone`` if no other element is on its lines.
    """

    code: str
    after: str
    alone: bool
    comments: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Literal:
    """A list in a text: its items, and what is before and after them."""

    start: int
    end: int
    indent: str
    head: str
    items: tuple[Item, ...]
    tail: str


class Source:
    """The text of a migration file. Raises RewritingError if it is not Python."""

    def __init__(self, text: str):
        self.text = text
        self.lines = _LINE.findall(text)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        # Python counts lines as if they all had the same ending; so do its positions.
        plain = "".join(line.rstrip("\r\n") + "\n" for line in self.lines)
        try:
            self.tree = ast.parse(plain)
            self.tokens = list(tokenize.generate_tokens(io.StringIO(plain).readline))
        except (SyntaxError, ValueError, tokenize.TokenError) as error:
            line = getattr(error, "lineno", None) or 0
            raise RewritingError(Fault.UNREADABLE, line=line) from error
        self.offsets = [self._offset(*token.start) for token in self.tokens]

    @property
    def newline(self) -> str:
        """What the lines end with."""
        first = self.lines[0] if self.lines else ""
        return first[len(first.rstrip("\r\n")) :] or "\n"

    @property
    def migration(self) -> ast.ClassDef:
        """The class. Raises RewritingError if there is none."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == "Migration":
                return node
        raise RewritingError(Fault.NO_CLASS, "Migration")

    def literal(self, name: str, count: int) -> Literal | None:
        """
        Return a list that is an attribute of the class, None if there is none.

        Raises RewritingError if it is not one list with ``count`` elements, or if other
        code refers to it and may depend on its elements.
        """
        values = list(_values(self.migration, name))
        if line := _mentioned(self.tree, self.migration, name, len(values)):
            raise RewritingError(Fault.USED_ELSEWHERE, name, line)
        if not values:
            return None
        value = values[0]
        if not isinstance(value, ast.List):
            raise RewritingError(Fault.NO_LIST, name, value.lineno)
        for element in value.elts:
            if isinstance(element, ast.Starred):
                raise RewritingError(Fault.NO_LIST, name, element.lineno)
        found = self._literal(value)
        if not len(found.items) == len(value.elts) == count:
            raise RewritingError(Fault.OTHER_LENGTH, name, value.lineno)
        return found

    def _literal(self, node: ast.List) -> Literal:
        start = self._offset(node.lineno, self._column(node.lineno, node.col_offset))
        end_line, end_column = node.end_lineno or 0, node.end_col_offset or 0
        end = self._offset(end_line, self._column(end_line, end_column))
        first = self._end_of_line(start + 1)
        items, last = self._items(first, end - 1)
        indent = self.lines[node.lineno - 1]
        return Literal(
            start,
            end,
            indent=indent[: len(indent) - len(indent.lstrip(" \t"))],
            head=self.text[start + 1 : first],
            items=tuple(items),
            tail=self.text[last : end - 1],
        )

    def _items(self, start: int, end: int) -> tuple[list[Item], int]:
        """Return the elements between two offsets, and where the last one ends."""
        items: list[Item] = []
        for code_end, comma in self._ends(start, end):
            stop = self._end_of_line(code_end + 1 if comma else code_end)
            code = self.text[start:code_end]
            after = self.text[code_end + 1 if comma else code_end : stop]
            alone = after.endswith(("\r", "\n")) and self.text[start - 1] in "\r\n"
            comments = tuple(
                token.string
                for token in self._between(start, stop)
                if token.type == tokenize.COMMENT
            )
            items.append(Item(code, after, alone, comments))
            start = stop
        return items, start

    def _ends(self, start: int, end: int) -> Iterator[tuple[int, bool]]:
        """Yield where each element ends, and whether it does so with a comma."""
        depth, last = 0, None
        for token in self._between(start, end):
            if token.type == tokenize.OP and token.string == "," and not depth:
                yield self._offset(*token.start), True
                last = None
            elif token.type not in _BLANK:
                if token.type == tokenize.OP and token.string in "([{":
                    depth += 1
                elif token.type == tokenize.OP and token.string in ")]}":
                    depth -= 1
                last = self._offset(*token.end)
        if last is not None:
            yield last, False

    def _between(self, start: int, end: int) -> Iterator[tokenize.TokenInfo]:
        first = bisect.bisect_left(self.offsets, start)
        yield from self.tokens[first : bisect.bisect_left(self.offsets, end, first)]

    def _end_of_line(self, offset: int) -> int:
        """Return where the line ends if nothing but a comment follows on it."""
        match = _REST_OF_LINE.match(self.text, offset)
        return match.end() if match else offset

    def _offset(self, line: int, column: int) -> int:
        return self.starts[min(line, len(self.starts)) - 1] + column

    def _column(self, line: int, column: int) -> int:
        """Return the column of a number of bytes."""
        return len(self.lines[line - 1].encode()[:column].decode())


def _values(migration: ast.ClassDef, name: str) -> Iterator[ast.expr]:
    """Yield what a class assigns to an attribute."""
    for node in migration.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(each, ast.Name) and each.id == name for each in targets):
            value = getattr(node, "value", None)
            if value is not None:
                yield value


def _mentioned(tree: ast.Module, migration: ast.ClassDef, name: str, times: int) -> int:
    """
    Return a line that changes or reads an attribute, 0 if there is none.

    The class assigns it ``times`` times; the first assignment does not count.
    """
    lines = [
        node.lineno
        for node in ast.walk(migration)
        if isinstance(node, ast.Name) and node.id == name
    ]
    others = sorted(lines)[min(times, 1) :]
    others += [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and node.value.id in ("Migration", "self", "cls")
    ]
    return others[0] if others else 0
