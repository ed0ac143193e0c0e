"""
The text of a migration file, edited where its lists have their elements.

All else stays as it is, to the letter: comments, functions, other attributes.
"""

from __future__ import annotations

import ast
import dataclasses
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from syzygy_like.makemigrations.split.source import (
    Fault,
    Item,
    Literal,
    RewritingError,
    Source,
)

_NEWLINE = "\n"
# The index of an element that is already there, or the code of a new one.
Entry = int | str

# Where a name comes from: the module, and the name there, None for the module.
Origin = tuple[str, str | None]

# A module that has all names of another one, and more.
_INCLUDED_IN: dict[Origin, Origin] = {
    ("django.db", "models"): ("django.contrib.gis.db", "models")
}


@dataclasses.dataclass(frozen=True)
class Change:
    """The new elements of a list of the class, which has ``count`` elements now."""

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
    Return the text of a file with other lists, and what their new elements need.

    ``imports`` are import statements, ``functions`` the sources of functions. Raises
    RewritingError if the text does not allow it.
    """
    edits = [_edit(source, change) for change in changes]
    if lines := _missing_imports(source, imports):
        offset = _place_of_imports(source)
        edits.append((offset, offset, "".join(f"{line}\n" for line in lines)))
    edits += [_function(source, function) for function in functions]
    text = source.text
    for start, end, new in sorted(edits, reverse=True):
        new = new.replace("\r\n", "\n").replace("\n", source.newline)
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def _function(source: Source, function: str) -> tuple[int, int, str]:
    """Return the edit that adds a function above the class."""
    name = function.partition("(")[0].removeprefix("def ")
    if name in _names(source):
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
    """Return the edit that adds a list at the top of the class."""
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


def _missing_imports(source: Source, needed: Iterable[str]) -> list[str]:
    """
    Return the import statements that new code needs and a file lacks.

    Raises RewritingError if a name already means something else in the file.
    """
    present = {
        binding
        for node in source.tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for binding in _bindings(node)
    }
    taken = dict(_bound(source.tree))
    lines = []
    for name, origin in sorted(_wanted(needed), key=str):
        if (name, origin) in present or (name, _INCLUDED_IN.get(origin)) in present:
            continue
        module, attribute = origin
        if not _agrees(taken.get(name, origin), origin):
            raise RewritingError(Fault.NAME_TAKEN, name)
        lines.append(
            f"from {module} import {attribute}" if attribute else f"import {module}"
        )
    return lines


def _names(source: Source) -> set[str]:
    """Return the names that mean something in a file."""
    return {name for name, _ in _bound(source.tree)}


def _place_of_imports(source: Source) -> int:
    """Return the offset at which imports are added: below the existing ones."""
    end = 0
    for node in source.tree.body:
        if node is source.migration:
            break
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            end = node.end_lineno or 0
    return source.starts[end]


def _wanted(needed: Iterable[str]) -> set[tuple[str, Origin]]:
    return {
        binding
        for line in needed
        for node in ast.parse(line).body
        for binding in _bindings(node)
    }


def _bindings(node: ast.AST) -> Iterator[tuple[str, Origin]]:
    """Yield the names that an import binds, with their origins."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            yield name, (alias.name, None)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield alias.asname or alias.name, (module, alias.name)


def _bound(tree: ast.Module) -> Iterator[tuple[str, Origin]]:
    """Yield the names that mean something in a module, with their origins."""
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name, ("", statement.name)
            continue
        for node in ast.walk(statement):
            yield from _bindings(node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, ("", node.id)


def _agrees(there: Origin, wanted: Origin) -> bool:
    """Return whether a name can mean both at once, as a package's name can."""
    if there == wanted:
        return True
    packages = {origin[0].partition(".")[0] for origin in (there, wanted)}
    return there[1] is None and wanted[1] is None and len(packages) == 1
