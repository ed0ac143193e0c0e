"""A file with other elements in its lists."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from syzygy_like.makemigrations.split import imports as importing
from syzygy_like.makemigrations.split.source import (
    Fault,
    Item,
    Literal,
    RewritingError,
    Source,
)

_NEWLINE = "\n"
# An element that is there already, by its index, or the code of a new one.
Entry = int | str


@dataclasses.dataclass(frozen=True)
class Change:
    """What a list of the class, which has ``count`` elements, has from now on."""

    name: str
    count: int
    entries: Sequence[Entry]


def rewritten(
    source: Source,
    changes: Iterable[Change],
    imports: Iterable[str] = (),
    functions: Iterable[str] = (),
) -> str:
    """
    Return the text of a file with other lists, and with what new elements need.

    Raises RewritingError where the text does not allow it.
    """
    edits = [_edit(source, change) for change in changes]
    if lines := importing.missing(source, imports):
        offset = importing.place(source)
        edits.append((offset, offset, "".join(f"{line}\n" for line in lines)))
    edits += [_function(source, function) for function in functions]
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        new = new.replace("\r\n", "\n").replace("\n", source.newline)
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def _function(source: Source, function: str) -> tuple[int, int, str]:
    """Return what puts a function above the class."""
    name = function.partition("(")[0].removeprefix("def ")
    if name in importing.names(source):
        raise RewritingError(Fault.NAME_TAKEN, name)
    offset = source.starts[source.migration.lineno - 1]
    return offset, offset, f"{function}\n\n"


def commented(
    source: Source, name: str, count: int, comments: Mapping[int, Sequence[str]]
) -> str:
    """Return the text of a file with comments above elements of a list."""
    literal = source.literal(name, count)
    entries: list[Entry] = list(range(count))
    for index, item in enumerate(literal.items if literal else ()):
        if lines := comments.get(index):
            code = textwrap.dedent(item.code).strip()
            entries[index] = "\n".join([*lines, code])
    return rewritten(source, [Change(name, count, entries)])


def _edit(source: Source, change: Change) -> tuple[int, int, str]:
    literal = source.literal(change.name, change.count)
    if literal is None:
        return _added(source, change)
    return literal.start, literal.end, _rendered(literal, change.entries)


def _added(source: Source, change: Change) -> tuple[int, int, str]:
    """Return a list that the class has not had, above all else that it has."""
    body = source.migration.body
    first = body[1] if _is_docstring(source) and len(body) > 1 else body[0]
    start = source.starts[first.lineno - 1]
    indent = source.text[start : start + first.col_offset]
    if indent.strip() or first.lineno == source.migration.lineno:
        raise RewritingError(Fault.NO_LIST, change.name, first.lineno)
    literal = Literal(start, start, indent, head="", items=(), tail="")
    text = _rendered(literal, change.entries)
    return start, start, f"{indent}{change.name} = {text}\n\n"


def _is_docstring(source: Source) -> bool:
    value = getattr(source.migration.body[0], "value", None)
    return isinstance(getattr(value, "value", None), str)


def _rendered(literal: Literal, entries: Sequence[Entry]) -> str:
    """Return the code of a list with its elements on one line, as before, or below."""
    if not entries:
        return "[]" if not literal.tail.strip() else f"[\n{literal.tail}]"
    codes = [_code(literal, entry) for entry in entries]
    has_lines = "\n" in literal.head or any(
        set("\r\n#") & set(f"{item.code}{item.after}") for item in literal.items
    )
    if literal.items and not has_lines and not any("\n" in code for code in codes):
        return f"[{', '.join(codes)}]"
    last = literal.items[-1].after if literal.items else literal.head
    tail = literal.tail if last.endswith(("\n", "\r")) else literal.indent
    return f"[{literal.head or _NEWLINE}{''.join(_lines(literal, entries))}{tail}]"


def _code(literal: Literal, entry: Entry) -> str:
    return entry if isinstance(entry, str) else literal.items[entry].code.strip()


def _lines(literal: Literal, entries: Sequence[Entry]) -> Iterator[str]:
    """Yield elements on lines of their own."""
    indent = _inner(literal)
    for entry in entries:
        if isinstance(entry, str):
            yield f"{textwrap.indent(entry, indent)},\n"
            continue
        item = literal.items[entry]
        if item.alone:
            yield f"{item.code},{item.after}"
        else:
            yield f"{indent}{item.code.strip()},{item.after.rstrip()}\n"


def _inner(literal: Literal) -> str:
    """Return the indentation of the elements."""
    for item in literal.items:
        if item.alone:
            return _indentation(item)
    return f"{literal.indent}    "


def _indentation(item: Item) -> str:
    lines = [line for line in item.code.splitlines() if line.strip()]
    return lines[0][: len(lines[0]) - len(lines[0].lstrip())]
